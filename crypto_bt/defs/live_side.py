"""The live side of ``crypto-bt compare-live``: trades built of what the account's files hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl

from crypto_bt.backtest.live.fills import Fill, read_fills
from crypto_bt.backtest.live.funding_paid import add_funding, read_payments
from crypto_bt.backtest.live.listed_trades import lists_trades, read_trades, trades_of
from crypto_bt.backtest.live.round_trips import RoundTrip, build_round_trips
from crypto_bt.core.errors import UsageError
from crypto_bt.defs.live_sources import Backtest, read_table


@dataclass(frozen=True, slots=True)
class Live:
    """The trades in ``file`` (LIVE_SCHEMA), the moments of its first and last fill (None without any),
    positions whose entry is not known, and what is to be said of it."""

    file: str
    trades: pl.DataFrame
    first: datetime | None
    last: datetime | None
    opened_before: Sequence[RoundTrip] = ()
    notes: tuple[str, ...] = ()


def read_live(
    path: Path,
    *,
    funding: Path | None,
    held: Mapping[str, Decimal],
    rates: Mapping[str, Decimal],
    now: datetime,
) -> Live:
    """The trades in the file at ``path``, which lists fills or trades; ``funding`` is for fills.

    ``held`` is the signed quantity by symbol when the file begins, ``rates`` the worth of a commission's
    asset. Raises UsageError naming row, column and value of what cannot be.
    """
    table = read_table(path)
    if lists_trades(table):
        if funding is not None or held:
            raise UsageError(
                f"{path.name} lists round trips: --funding and --held are for fills.",
                "Give each trip's funding in a column funding.",
            )
        listed = read_trades(table, now, rates)
        moments = [moment for name in ("entry_time", "exit_time") for moment in listed[name].drop_nulls()]
        return Live(path.name, listed, min(moments, default=None), max(moments, default=None))
    fills = read_fills(table, now, rates)
    owners = _owners(fills, path.name)
    if held and len(owners) > 1:
        raise UsageError("--held does not say of which strategy.", "Compare a file of one strategy.")
    trips = build_round_trips(
        fills, {(owner, symbol): amount for owner in owners for symbol, amount in held.items()}
    )
    notes = []
    before = [trip for trip in trips if trip.opened_before]
    if before:
        notes.append(f"Held when {path.name} begins, so not compared: {len(before)} positions.")
    if funding is not None:
        orphans = add_funding(trips, read_payments(read_table(funding), now))
        if orphans:
            total = sum((payment.amount for payment in orphans), Decimal(0))
            notes.append(f"Funding that is of no trade: {len(orphans)} payments, {total:+f} in all.")
    times = [fill.time for fill in fills]
    return Live(
        path.name, trades_of(trips), min(times, default=None), max(times, default=None), before, tuple(notes)
    )


def by_strategy(live: Live, asked: str | None, backtest: Backtest) -> tuple[Live, list[str]]:
    """Every trade with its strategy, only those of ``asked`` if given; and the strategies' names.

    A file that does not say whose trades it has is of ``asked``, or of the backtest's only strategy. Raises
    UsageError where it could be of several.
    """
    nameless = live.trades["strategy"].null_count()
    if nameless == live.trades.height:
        name = asked or _only_strategy(live, backtest)
        return replace(live, trades=live.trades.with_columns(strategy=pl.lit(name))), [name]
    if nameless:
        raise UsageError(f"{live.file}: {nameless} trades have no strategy.", "Fill in the column strategy.")
    names: list[str] = live.trades["strategy"].unique().sort().to_list()
    if asked is not None:
        if asked not in names:
            raise UsageError(f"{live.file} has no trades of {asked!r}.", f"It has {', '.join(names)}.")
        return replace(live, trades=live.trades.filter(strategy=asked)), [asked]
    if len(names) > 1 and None in backtest.trades:
        raise UsageError(
            f"{backtest.name} does not say whose trades it has, {live.file} has those of {', '.join(names)}.",
            "Say whose they are: --strategy NAME.",
        )
    return live, names


def named_figures(texts: Sequence[str] | None, option: str) -> dict[str, Decimal]:
    """``NAME=NUMBER`` of an option that may be repeated; UsageError for anything else."""
    found = {}
    for text in texts or ():
        name, _, value = text.partition("=")
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("nan")
        if not name.strip() or not number.is_finite():
            raise UsageError(f"{option} {text!r} is not understood.", f"Write {option} NAME=NUMBER.")
        found[name.strip().upper()] = number
    return found


def _only_strategy(live: Live, backtest: Backtest) -> str:
    there = [name for name in backtest.trades if name is not None]
    if len(there) > 1:
        raise UsageError(
            f"{live.file} does not say which strategy it is of.",
            f"Say it: --strategy with one of {', '.join(sorted(there))}.",
        )
    return there[0] if there else "backtest"


def _owners(fills: Sequence[Fill], file: str) -> set[str | None]:
    owners = {fill.strategy for fill in fills}
    if len(owners) > 1 and None in owners:
        row = next(fill.row for fill in fills if fill.strategy is None)
        raise UsageError(f"{file}, row {row}, column strategy: nothing.", "Say whose fill it is.")
    return owners
