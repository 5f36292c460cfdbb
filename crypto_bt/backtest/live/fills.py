"""The fills of an account, as a trading program or the exchange itself lists them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Final

from crypto_bt.backtest.live.table import Row, Table
from crypto_bt.core.errors import UsageError

#: What others call our columns: the exchange's trade history (web) and its ``userTrades`` (API) among them.
FILL_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("Date(UTC)", "Time(UTC)", "date", "datetime", "timestamp"),
    "symbol": ("pair",),
    "side": (),
    "quantity": ("qty",),
    "price": (),
    "commission": ("fee",),
    "commission_asset": ("Fee Coin", "fee_asset"),
    "strategy": (),
    "id": ("trade_id",),
    "maker": ("role",),
    "realized_profit": ("realized_pnl",),
    "position_side": (),
}
_NEEDED: Final = ("time", "symbol", "side", "quantity", "price")
_SIDES: Final = {"buy": 1, "sell": -1}
#: What the exchange settles in; counted as the quote unit of every symbol.
DOLLARS: Final = ("BUSD", "FDUSD", "USD", "USDC", "USDT")


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution: ``quantity`` (base) is positive for a buy, ``price`` in quote.

    ``commission`` is in quote units, positive when paid, None where it is not known. ``maker``, ``realized``
    (quote, as the exchange booked it) are None where the file does not say; ``row`` is its row there.
    """

    strategy: str | None
    symbol: str
    time: datetime
    quantity: Decimal
    price: Decimal
    commission: Decimal | None
    maker: bool | None = None
    realized: Decimal | None = None
    row: int = 0


def read_fills(table: Table, now: datetime, rates: Mapping[str, Decimal]) -> list[Fill]:
    """The fills in ``table``, in the order of trading.

    ``rates`` gives quote units for one unit of a commission's asset (BNB); commissions in an asset without a
    rate are not known. Raises :class:`UsageError` for a missing column, an impossible value, a fill that is
    listed twice, and an account in hedge mode (each with row, column and value).
    """
    places = table.places(FILL_COLUMNS)
    missing = [name for name in _NEEDED if name not in places]
    if missing:
        raise UsageError(
            f"{table.name} has no column {', '.join(missing)}; it has {', '.join(table.columns) or 'none'}.",
            "Fills need time, symbol, side, quantity, price; trades need symbol, side, entry_time, "
            "entry_price, quantity (docs/compare-live.md).",
        )
    seen: dict[tuple[str, str], int] = {}
    fills, order = [], []
    for row in table.read(places):
        fill = _fill(row, now, rates)
        identity = "" if row.empty("id") else row.text("id")
        if identity:
            before = seen.setdefault((fill.symbol, identity), row.number)
            if before != row.number:
                raise row.wrong("id", f"is already in row {before}", "Take one of the two rows out.")
        fills.append(fill)
        order.append(int(identity) if identity.isascii() and identity.isdigit() else None)
    return _in_order(fills, order)


def commission_of(row: Row, rates: Mapping[str, Decimal]) -> Decimal | None:
    """The cell ``commission`` in quote units; None where it is empty or its asset has no rate."""
    if row.empty("commission"):
        return None
    paid = row.figure("commission")
    asset = row.unit("commission")
    if not row.empty("commission_asset"):
        asset = row.text("commission_asset").upper()
    if paid == 0 or not asset or asset in DOLLARS:
        return paid
    return paid * rates[asset] if asset in rates else None


def _fill(row: Row, now: datetime, rates: Mapping[str, Decimal]) -> Fill:
    if not row.empty("position_side") and row.text("position_side").upper() != "BOTH":
        raise row.wrong(
            "position_side", "is of an account in hedge mode", "Only one-way mode can be compared."
        )
    return Fill(
        strategy=None if row.empty("strategy") else row.text("strategy"),
        symbol=row.symbol(),
        time=row.moment("time", now),
        quantity=row.one_of("side", _SIDES) * row.positive("quantity"),
        price=row.positive("price"),
        commission=commission_of(row, rates),
        maker=row.flag("maker"),
        realized=None if row.empty("realized_profit") else row.figure("realized_profit"),
        row=row.number,
    )


def _in_order(fills: list[Fill], numbers: list[int | None]) -> list[Fill]:
    """By time; within one moment by the exchange's number where it has one, else as listed.

    The exchange lists the newest first: such a file is turned round, so that "as listed" is right.
    """
    later = sum(after.time > before.time for before, after in pairwise(fills))
    earlier = sum(after.time < before.time for before, after in pairwise(fills))
    places = range(len(fills)) if later >= earlier else range(len(fills) - 1, -1, -1)
    numbered = None not in numbers
    return [
        fills[at]
        for at in sorted(places, key=lambda at: (fills[at].time, (numbers[at] or 0) if numbered else 0))
    ]
