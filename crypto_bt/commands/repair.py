"""``crypto-bt data repair``: ask again for what is missing, and for candles that cannot be right."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer

from crypto_bt.commands.fetching import fetch_days
from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.loopback import reachable
from crypto_bt.commands.options import (
    SymbolsOption,
    TimeframesOption,
    parse_datasets,
    parse_days,
    parse_symbols,
)
from crypto_bt.commands.output import Output
from crypto_bt.commands.repair_plan import (
    ask_listings,
    history_starts,
    lacking_candles,
    plan_repairs,
)
from crypto_bt.commands.repair_report import ranges_as_json, report_repair
from crypto_bt.core.datasets import SERIES_DATASETS
from crypto_bt.core.errors import UsageError
from crypto_bt.core.lacking import HEALED, MissingRange, rows_called
from crypto_bt.core.universe import check_universe
from crypto_bt.core.verdict import not_loaded

if TYPE_CHECKING:
    from crypto_bt.defs.execute import JobOutcome
    from crypto_bt.defs.resources import Desk
    from crypto_bt.sources import Estimate


@dataclass(frozen=True)
class Asked:
    """What the command was asked: feeds, symbols, days; ``whole``: these days whatever is stored."""

    datasets: list[str]
    symbols: list[str]
    days: tuple[datetime, datetime]
    whole: bool
    starts: Mapping[str, datetime]


def repair(
    symbols: SymbolsOption = None,
    timeframes: TimeframesOption = None,
    start: Annotated[str | None, typer.Option(help="First day; default: where the history starts.")] = None,
    end: Annotated[str | None, typer.Option(help="Day after the last; default: up to now.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be asked, and its cost.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch again the days with missing candles, settlements or mark prices, or impossible candles.

    Says what the exchange does not have.

    With --start or --end all of these days are asked again, whatever is stored. Exit code 3 when something
    stays missing.

    Example: crypto-bt data repair --symbols BTCUSDT --timeframes 1h --start 2026-01-01 --end 2026-01-03
    """
    from crypto_bt.defs.resources import Desk

    settings = open_home(home)
    out = Output(as_json=as_json)
    desk = Desk.open(settings)
    asked = _asked(desk, symbols, timeframes, start, end)
    with reachable(settings) as answering:
        desk = Desk.open(answering)
        out.note(f"Asking {answering.EXCHANGE_URL or 'Binance'} for its symbols ...")
        listings = asyncio.run(ask_listings(desk))
        traded = check_universe(asked.symbols, listings)
        onboard = {symbol: listings[symbol].onboard for symbol in traded.tradable}
        before = lacking_candles(desk, asked.starts, onboard, asked.days[1])
        ranges = _ranges(asked, traded.tradable, before)
        out.say(_sum_up(before, ranges, asked))
        if dry_run:
            _show_plan(out, desk, ranges, before)
            return
        outcomes: list[JobOutcome] = []
        for item in ranges:
            out.note(f"Fetching {_text(item)} ...")
            outcomes += fetch_days(out, desk, item.datasets, item.symbols, (item.start, item.end))
    after = lacking_candles(desk, asked.starts, onboard, asked.days[1])
    report_repair(out, desk, ranges, outcomes, before, after, traded.remarks)


def _asked(
    desk: "Desk", symbols: str | None, timeframes: str | None, start: str | None, end: str | None
) -> Asked:
    chosen = parse_symbols(symbols, desk.settings.SYMBOLS)
    datasets = parse_datasets(timeframes, desk.settings.candle_datasets)
    healed = [name for name in datasets if name in HEALED]
    whole = start is not None or end is not None
    if not healed and not whole:
        raise UsageError(
            f"What {', '.join(datasets)} lacks cannot be told from what is stored.",
            "Name the days to ask again: --start and --end.",
        )
    now = desk.clock()
    known = history_starts(desk, healed or desk.settings.candle_datasets)
    if start is None and not known:
        raise UsageError(
            "There is nothing to repair.", not_loaded(now).at_home(desk.settings.home_option).text
        )
    days = parse_days(start or f"{min(known.values()):%F}", end, now)
    if start is not None:
        return Asked(datasets, chosen, days, whole, dict.fromkeys(healed, days[0]))
    starts = {name: known[name] for name in healed if name in known}
    return Asked(datasets, chosen, days, whole, starts)


def _ranges(asked: Asked, symbols: tuple[str, ...], lack: pl.DataFrame) -> list[MissingRange]:
    if asked.whole and symbols:
        return [MissingRange(*asked.days, tuple(asked.datasets), symbols)]
    return plan_repairs(lack, asked.datasets)


def _sum_up(lack: pl.DataFrame, ranges: Sequence[MissingRange], asked: Asked) -> str:
    days = f"{asked.days[0]:%F} to {asked.days[1]:%F} (exclusive)"
    if lack.is_empty():
        return f"Nothing is missing or impossible from {days}." + (
            " These days are asked again all the same." if ranges else ""
        )
    return f"{lack.height:,} {rows_called(lack['dataset'])} are missing or impossible from {days}."


def _text(item: MissingRange) -> str:
    days = (item.end - item.start).days
    return (
        f"{days} day{'s' if days > 1 else ''} from {item.start:%F} of {len(item.symbols)} "
        f"symbol{'s' if len(item.symbols) > 1 else ''}: {', '.join(item.datasets)}"
    )


def _show_plan(out: Output, desk: "Desk", ranges: Sequence[MissingRange], lack: pl.DataFrame) -> None:
    costs = asyncio.run(_estimates(desk, ranges)) if ranges else []
    for item in ranges:
        out.say(_text(item))
    requests, weight = sum(cost.requests for cost in costs), sum(cost.weight for cost in costs)
    seconds = sum(cost.seconds for cost in costs)
    out.say(f"{requests} requests of weight {weight} in all, about {seconds:.0f} s. Nothing was fetched.")
    out.result(
        {
            "dry_run": True,
            "lacking": lack.height,
            "ranges": ranges_as_json(ranges),
            "requests": requests,
            "weight": weight,
            "seconds": seconds,
        }
    )


async def _estimates(desk: "Desk", ranges: Sequence[MissingRange]) -> "list[Estimate]":
    from crypto_bt.sources import FetchPlan

    not_asked = (*SERIES_DATASETS, "universe", "market_regime")
    async with desk.source(scheduled=False) as source:
        return [
            await source.estimate(
                FetchPlan(
                    tuple(name for name in item.datasets if name not in not_asked),
                    item.symbols,
                    item.start,
                    item.end,
                )
            )
            for item in ranges
        ]
