"""Round trips of fills: from flat to flat, in one-way mode, with exact arithmetic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from crypto_bt.backtest.live.fills import Fill
from crypto_bt.core.errors import UsageError

_NONE = Decimal(0)


@dataclass(slots=True)
class RoundTrip:
    """One position of one strategy in one symbol, from flat to flat; money in quote, quantities in base.

    ``entered`` and ``left`` are what was bought and sold of it (positive), ``paid`` and ``got`` their sums of
    quantity x price. ``exit_time`` is that of the last fill once it is flat, else None. ``commission`` and
    ``funding`` (positive when paid) are None where they are not known; ``entry_maker`` and ``exit_maker``
    whether any such fill was a limit order's, None where the file does not say. ``opened_before``: it was
    held when the file begins, so that its entry is not known (``paid`` lacks it).
    """

    strategy: str | None
    symbol: str
    side: int
    entry_time: datetime
    entered: Decimal = _NONE
    paid: Decimal = _NONE
    left: Decimal = _NONE
    got: Decimal = _NONE
    commission: Decimal | None = _NONE
    funding: Decimal | None = None
    exit_time: datetime | None = None
    entry_maker: bool | None = None
    exit_maker: bool | None = None
    opened_before: bool = False

    @property
    def held(self) -> Decimal:
        """What has not left yet."""
        return self.entered - self.left

    def enter(self, quantity: Decimal, fill: Fill, commission: Decimal | None) -> None:
        """Add ``quantity`` at the fill's price."""
        self.entered += quantity
        self.paid += quantity * fill.price
        self._charge(commission)
        self.entry_maker = _either(self.entry_maker, fill.maker)

    def leave(self, quantity: Decimal, fill: Fill, commission: Decimal | None) -> None:
        """Take ``quantity`` out at the fill's price."""
        self.left += quantity
        self.got += quantity * fill.price
        self._charge(commission)
        self.exit_maker = _either(self.exit_maker, fill.maker)
        if self.held == 0:
            self.exit_time = fill.time

    def _charge(self, commission: Decimal | None) -> None:
        self.commission = (
            None if commission is None or self.commission is None else self.commission + commission
        )


def build_round_trips(
    fills: Sequence[Fill], held: Mapping[tuple[str | None, str], Decimal] | None = None
) -> list[RoundTrip]:
    """The round trips of ``fills`` (in the order of trading), sorted by entry time, symbol, strategy.

    Partial fills and scale-ins add to a trip, scale-outs take from it; a fill beyond flat closes it and opens
    the other side, its commission split by quantity. ``held`` is the signed quantity by strategy and symbol
    when the file begins. Where it is not given, a fill that realized a profit or loss out of no position (as
    the exchange books it) can only have closed one from before: it becomes a trip of its own with
    ``opened_before``. Raises :class:`UsageError` for a fill that realized one while it added to a position:
    then the position held at the beginning was another.
    """
    open_trips: dict[tuple[str | None, str], RoundTrip] = {}
    trips: list[RoundTrip] = []

    def begin(fill: Fill, side: int, *, before: bool = False) -> RoundTrip:
        trip = RoundTrip(fill.strategy, fill.symbol, side, fill.time, opened_before=before)
        trips.append(trip)
        return trip

    waiting = dict(held or {})
    for fill in fills:
        key = (fill.strategy, fill.symbol)
        quantity = abs(fill.quantity)
        side = 1 if fill.quantity > 0 else -1
        if waiting.get(key):
            carried = waiting.pop(key)
            open_trips[key] = begin(fill, 1 if carried > 0 else -1, before=True)
            open_trips[key].entered = abs(carried)
        trip = open_trips.get(key)
        if trip is None and fill.realized:
            closed = begin(fill, -side, before=True)
            closed.entered = quantity
            closed.leave(quantity, fill, fill.commission)
        elif trip is None or trip.side == side:
            if fill.realized:
                raise _not_ours(fill)
            trip = open_trips.setdefault(key, trip or begin(fill, side))
            trip.enter(quantity, fill, fill.commission)
        else:
            closing = min(quantity, trip.held)
            rest = quantity - closing
            charged = _share(fill.commission, closing / quantity) if rest else fill.commission
            trip.leave(closing, fill, charged)
            if trip.held == 0:
                del open_trips[key]
            if rest:
                open_trips[key] = begin(fill, side)
                open_trips[key].enter(rest, fill, _less(fill.commission, charged))
    return sorted(trips, key=lambda trip: (trip.entry_time, trip.symbol, trip.strategy or ""))


def _not_ours(fill: Fill) -> UsageError:
    return UsageError(
        f"Row {fill.row}: {fill.symbol} realized {fill.realized} on a fill that adds to the position.",
        f"Another position was held when the file begins; say it: --held {fill.symbol}=QUANTITY "
        "(negative for a short).",
    )


def _either(known: bool | None, more: bool | None) -> bool | None:
    return more if known is None else known or bool(more)


def _share(commission: Decimal | None, share: Decimal) -> Decimal | None:
    return None if commission is None else commission * share


def _less(commission: Decimal | None, charged: Decimal | None) -> Decimal | None:
    return None if commission is None or charged is None else commission - charged
