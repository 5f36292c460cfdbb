"""Live trades as a table: made of round trips, or read from a file that lists trades already."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import polars as pl

from crypto_bt.backtest.live.fills import commission_of
from crypto_bt.backtest.live.round_trips import RoundTrip
from crypto_bt.backtest.live.table import Row, Table
from crypto_bt.core.errors import UsageError
from crypto_bt.core.schemas import UTC_MS

#: ``side`` 1 or -1; prices in quote (averages over the quantity), ``quantity`` in base. ``exit_time`` and
#: ``exit_price`` are null while it is open; ``commission`` and ``funding`` (quote, positive when paid), and
#: whether any fill of the entry or of the exit was a limit order's, where they are not known.
LIVE_SCHEMA: Final[dict[str, pl.DataType]] = {
    "strategy": pl.String(),
    "symbol": pl.String(),
    "side": pl.Int8(),
    "entry_time": UTC_MS,
    "exit_time": UTC_MS,
    "entry_price": pl.Float64(),
    "exit_price": pl.Float64(),
    "quantity": pl.Float64(),
    "commission": pl.Float64(),
    "funding": pl.Float64(),
    "entry_maker": pl.Boolean(),
    "exit_maker": pl.Boolean(),
}
TRADE_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
    (*LIVE_SCHEMA, "commission_asset", "exit_reason"), ()
)
_NEEDED: Final = ("symbol", "side", "entry_time", "entry_price", "quantity")
_SIDES: Final = {"long": 1, "short": -1, "buy": 1, "sell": -1, "1": 1, "-1": -1}


def lists_trades(table: Table) -> bool:
    """Whether it is a table of trades, not of fills."""
    return "entry_time" in table.places(TRADE_COLUMNS)


def read_trades(table: Table, now: datetime, rates: Mapping[str, Decimal]) -> pl.DataFrame:
    """The trades in ``table``, in :data:`LIVE_SCHEMA` (the backtest's own trades table is such a table).

    Raises :class:`UsageError` for a missing column, and for an impossible value with row and column.
    """
    places = table.places(TRADE_COLUMNS)
    missing = [name for name in _NEEDED if name not in places]
    if missing:
        raise UsageError(
            f"{table.name} has no column {', '.join(missing)}; it has {', '.join(table.columns)}.",
            "Trades need symbol, side, entry_time, entry_price, quantity (docs/compare-live.md).",
        )
    return _table([_listed(row, now, rates) for row in table.read(places)])


def trades_of(trips: Sequence[RoundTrip]) -> pl.DataFrame:
    """Round trips in :data:`LIVE_SCHEMA`; those that were opened before the file are left out."""
    return _table(
        [
            {
                "strategy": trip.strategy,
                "symbol": trip.symbol,
                "side": trip.side,
                "entry_time": trip.entry_time,
                "exit_time": trip.exit_time,
                "entry_price": float(trip.paid / trip.entered),
                "exit_price": float(trip.got / trip.left) if trip.exit_time else None,
                "quantity": float(trip.entered),
                # Of a position that has left in part, it is for a notional of which the table does not tell.
                "commission": None
                if trip.commission is None or (trip.left and trip.held)
                else float(trip.commission),
                "funding": None if trip.funding is None else float(trip.funding),
                "entry_maker": trip.entry_maker,
                "exit_maker": trip.exit_maker,
            }
            for trip in trips
            if not trip.opened_before
        ]
    )


def _listed(row: Row, now: datetime, rates: Mapping[str, Decimal]) -> dict[str, object]:
    entry_time = row.moment("entry_time", now)
    is_open = row.empty("exit_time") or (not row.empty("exit_reason") and row.text("exit_reason") == "open")
    exit_time = None if is_open else row.moment("exit_time", now)
    if exit_time is not None and exit_time < entry_time:
        raise row.wrong("exit_time", f"is before the entry at {entry_time:%F %T}", "Correct one of the two.")
    if exit_time is not None and row.empty("exit_price"):
        raise _without_exit_price(row)
    commission = commission_of(row, rates)
    return {
        "strategy": None if row.empty("strategy") else row.text("strategy"),
        "symbol": row.symbol(),
        "side": row.one_of("side", _SIDES),
        "entry_time": entry_time,
        "exit_time": exit_time,
        "entry_price": float(row.positive("entry_price")),
        "exit_price": None if exit_time is None else float(row.positive("exit_price")),
        "quantity": float(row.positive("quantity")),
        "commission": None if commission is None else float(commission),
        "funding": None if row.empty("funding") else float(row.figure("funding")),
        "entry_maker": row.flag("entry_maker"),
        "exit_maker": row.flag("exit_maker"),
    }


def _without_exit_price(row: Row) -> UsageError:
    if "exit_price" in row.places:
        return row.wrong("exit_price", "is given for a trade that has an exit_time", "Fill it in.")
    return UsageError(
        f"{row.table.name} has a column exit_time and no exit_price.", "Add it; leave it empty while open."
    )


def _table(rows: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=LIVE_SCHEMA).sort(
        "strategy", "symbol", "entry_time", maintain_order=True
    )
