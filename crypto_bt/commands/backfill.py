"""``crypto-bt data backfill``: whole days of history from the exchange and the other sources."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from crypto_bt.commands.fetching import fetch_days, remarks_of, rows_of
from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.loopback import reachable
from crypto_bt.commands.options import (
    SymbolsOption,
    TimeframesOption,
    parse_datasets,
    parse_days,
    parse_symbols,
)
from crypto_bt.commands.output import UNWELL, Output
from crypto_bt.core.datasets import SERIES_DATASETS
from crypto_bt.core.errors import UsageError

if TYPE_CHECKING:
    from crypto_bt.defs.execute import JobOutcome
    from crypto_bt.defs.resources import Desk
    from crypto_bt.sources import FetchPlan


def backfill(
    start: Annotated[str, typer.Option(help="First day, such as 2026-01-01.")],
    end: Annotated[str | None, typer.Option(help="Day after the last; default: up to now.")] = None,
    symbols: SymbolsOption = None,
    timeframes: TimeframesOption = None,
    archive: Annotated[
        bool, typer.Option("--archive", help="Open interest and ratios older than 30 days from the archive.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print requests, weight and time only.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch whole days of history and publish them. Safe to repeat; one that was stopped goes on.

    Example: crypto-bt data backfill --start 2026-01-01 --end 2026-02-01 --symbols 10 --timeframes 1h,4h
    """
    from crypto_bt.defs.resources import Desk, clock_of
    from crypto_bt.sources import FetchPlan

    settings = open_home(home)
    first, last = parse_days(start, end, clock_of(settings)())
    chosen = parse_symbols(symbols, settings.SYMBOLS)
    datasets = parse_datasets(timeframes, settings.candle_datasets)
    out = Output(as_json=as_json)
    with reachable(settings) as answering:
        desk = Desk.open(answering)
        if dry_run:
            out.note(f"Asking {answering.EXCHANGE_URL or 'Binance'} for its symbols and its limit ...")
            asked = tuple(name for name in datasets if name not in (*SERIES_DATASETS, "universe"))
            _show_plan(out, desk, FetchPlan(asked, tuple(chosen), first, last))
            return
        out.note(
            f"Fetching {(last - first).days} days of {len(chosen)} symbols "
            f"from {answering.EXCHANGE_URL or 'Binance'} ..."
        )
        outcomes = fetch_days(out, desk, datasets, chosen, (first, last), archive=archive)
    _report(out, desk, outcomes, datasets)


def _report(out: Output, desk: "Desk", outcomes: "list[JobOutcome]", datasets: list[str]) -> None:
    if not any(outcome.metadata for outcome in outcomes):
        raise UsageError("These days have no closed candles yet.", "Ask for an earlier --start.")
    found, remarks = rows_of(outcomes), remarks_of(outcomes)
    rows = {name: found.get(name, 0) for name in datasets}
    current = desk.store.current()
    if current is not None:
        out.say(f"Published up to snapshot {current.id} of {current.source}:")
    out.table(["dataset", "rows"], [[name, f"{count:,}"] for name, count in rows.items()])
    for remark in remarks:
        out.say(remark, style="yellow")
    figures = {
        key: sum(next(iter(o.metadata.values())).get(key, 0) for o in outcomes if o.metadata)
        for key in ("requests", "weight", "seconds")
    }
    out.result(
        {
            "home": desk.home.root,
            "runs": [outcome.run_id for outcome in outcomes],
            "snapshot": current.id if current else None,
            "source": current.source if current else None,
            **figures,
            "rows": rows,
            "remarks": remarks,
        }
    )
    if remarks:
        raise typer.Exit(UNWELL)


def _show_plan(out: Output, desk: "Desk", plan: "FetchPlan") -> None:
    from crypto_bt.sources import estimate

    cost = asyncio.run(estimate(desk.source(scheduled=False), plan))
    out.say(
        f"{cost.requests} requests of weight {cost.weight} in all; at {cost.weight_per_minute:.0f} weight "
        f"a minute that takes about {cost.seconds:.0f} s. Nothing was fetched."
    )
    out.result({"dry_run": True, "requests": cost.requests, "weight": cost.weight, "seconds": cost.seconds})
