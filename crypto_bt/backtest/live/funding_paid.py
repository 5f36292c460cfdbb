"""The funding an account paid and received, given to the round trips that held the positions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from crypto_bt.backtest.live.round_trips import RoundTrip
from crypto_bt.backtest.live.table import Table
from crypto_bt.core.errors import UsageError

#: The exchange's transaction history (web) and its ``income`` (API).
FUNDING_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("Date(UTC)", "Time(UTC)", "date", "datetime", "timestamp"),
    "symbol": ("pair",),
    "amount": ("income",),
    "type": ("income_type",),
    "strategy": (),
}
_NEEDED: Final = ("time", "symbol", "amount")


@dataclass(frozen=True, slots=True)
class Payment:
    """One settlement of one position: ``amount`` in quote, positive when received (as the exchange lists)."""

    strategy: str | None
    symbol: str
    time: datetime
    amount: Decimal
    where: str


def read_payments(table: Table, now: datetime) -> list[Payment]:
    """The funding payments in ``table``, by time; rows of another type than funding fees are passed over.

    Raises :class:`UsageError` for a missing column, and for an impossible value with row and column.
    """
    places = table.places(FUNDING_COLUMNS)
    missing = [name for name in _NEEDED if name not in places]
    if missing:
        raise UsageError(
            f"{table.name} has no column {', '.join(missing)}; it has {', '.join(table.columns) or 'none'}.",
            "Funding needs time, symbol, amount (positive when received).",
        )
    return sorted(
        (
            Payment(
                strategy=None if row.empty("strategy") else row.text("strategy"),
                symbol=row.symbol(),
                time=row.moment("time", now),
                amount=row.figure("amount"),
                where=f"{table.name}, row {row.number}",
            )
            for row in table.read(places)
            if row.empty("type") or "funding" in row.text("type").lower()
        ),
        key=lambda payment: payment.time,
    )


def add_funding(trips: Sequence[RoundTrip], payments: Sequence[Payment]) -> list[Payment]:
    """Give each payment to the trip that held the symbol when it was due; returns those that none held.

    Every trip's ``funding`` is known afterwards: 0 where nothing was paid. A settlement is due on the minute
    and booked some seconds later, when the position may be gone already; where none was held on the minute,
    that of the booking pays (the exchange may take up to 15 seconds). Raises :class:`UsageError` where
    several strategies held the symbol and the payment does not say whose it is.
    """
    by_symbol: dict[str, list[RoundTrip]] = defaultdict(list)
    for trip in trips:
        trip.funding = Decimal(0)
        by_symbol[trip.symbol].append(trip)
    orphans = []
    for payment in payments:
        theirs = [
            trip for trip in by_symbol.get(payment.symbol, []) if payment.strategy in (None, trip.strategy)
        ]
        due = payment.time.replace(second=0, microsecond=0)
        holding = _holding(theirs, due) or _holding(theirs, payment.time)
        owners = {trip.strategy for trip in holding}
        if len(owners) > 1:
            raise UsageError(
                f"{payment.where}: {', '.join(sorted(map(str, owners)))} all held {payment.symbol}.",
                "Add a column strategy that says whose funding it is.",
            )
        if not holding:
            orphans.append(payment)
            continue
        # Of a reversal in the very moment, the position that was carried into it pays.
        payer = min(holding, key=lambda trip: trip.entry_time)
        payer.funding = (payer.funding or Decimal(0)) - payment.amount
    return orphans


def _holding(trips: Sequence[RoundTrip], moment: datetime) -> list[RoundTrip]:
    return [
        trip
        for trip in trips
        if (trip.opened_before or trip.entry_time <= moment)
        and (trip.exit_time is None or moment <= trip.exit_time)
    ]
