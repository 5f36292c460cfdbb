"""``crypto-bt data``: fill the store, see what it holds, take it out."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.loopback import reachable
from crypto_bt.commands.options import parse_datasets, parse_days, parse_symbols
from crypto_bt.commands.output import UNWELL, Output, minute
from crypto_bt.core.errors import CryptoBtError, UsageError
from crypto_bt.core.quality import not_loaded
from crypto_bt.runtime.home import Home
from crypto_bt.settings import Settings

if TYPE_CHECKING:
    from crypto_bt.defs.resources import Desk
    from crypto_bt.sources import FetchPlan

app = typer.Typer(help="Market data: backfill, list, export, verify.", no_args_is_help=True)

SymbolsOption = Annotated[
    str | None, typer.Option("--symbols", help="A list such as BTCUSDT,ETHUSDT, or N for the first N.")
]
TimeframesOption = Annotated[
    str | None,
    typer.Option("--timeframes", help="Of 1h,4h,1d,funding_rates,mark_price_1h; default: all of them."),
]


@app.command()
def backfill(
    start: Annotated[str, typer.Option(help="First day, such as 2026-01-01.")],
    end: Annotated[str | None, typer.Option(help="Day after the last; default: up to now.")] = None,
    symbols: SymbolsOption = None,
    timeframes: TimeframesOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print requests, weight and time only.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch whole days of history and publish them as one snapshot. Safe to repeat.

    Example: crypto-bt data backfill --start 2026-01-01 --end 2026-02-01 --symbols 10 --timeframes 1h,4h
    """
    from crypto_bt.defs.execute import run_job
    from crypto_bt.defs.partitions import range_tags
    from crypto_bt.defs.resources import Desk, clock_of
    from crypto_bt.sources import FetchPlan

    settings = open_home(home)
    first, last = parse_days(start, end, clock_of(settings)())
    chosen = parse_symbols(symbols, settings.SYMBOLS)
    datasets = parse_datasets(timeframes)
    out = Output(as_json=as_json)
    with reachable(settings) as answering:
        desk = Desk.open(answering)
        if dry_run:
            out.note(f"Asking {answering.EXCHANGE_URL or 'Binance'} for its symbols and its limit ...")
            _show_plan(out, desk, FetchPlan(tuple(datasets), tuple(chosen), first, last))
            return
        out.note(
            f"Fetching {(last - first).days} days of {len(chosen)} symbols "
            f"from {answering.EXCHANGE_URL or 'Binance'} ..."
        )
        with out.progress("Fetching") as report:
            outcome = run_job(
                "data_update",
                replace(desk, progress=report),
                assets=datasets,
                tags=range_tags(first, last),
                config={"ops": {"market_data": {"config": {"symbols": chosen, "scheduled": False}}}},
            )
    if not outcome.success:
        raise CryptoBtError(outcome.why)
    if not outcome.metadata:
        raise UsageError("These days have no closed candles yet.", "Ask for an earlier --start.")
    made = next(iter(outcome.metadata.values()))
    rows = {name: outcome.metadata.get(name, {}).get("rows", 0) for name in datasets}
    remarks = [made[key] for key in ("failed", "not tradable") if made[key] != "none"]
    out.say(f"Published snapshot {made['snapshot']} of {made['source']}:")
    out.table(["dataset", "rows"], [[name, f"{count:,}"] for name, count in rows.items()])
    for remark in remarks:
        out.say(remark, style="yellow")
    figures = {key: made[key] for key in ("snapshot", "source", "requests", "weight", "seconds")}
    out.result(
        {"home": settings.CRYPTO_BT_HOME, "run": outcome.run_id, **figures, "rows": rows, "remarks": remarks}
    )
    if remarks:
        raise typer.Exit(UNWELL)


@app.command("list")
def list_(symbols: SymbolsOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What the store holds: from, to, rows and gaps by symbol and timeframe.

    Example: crypto-bt data list --symbols BTCUSDT
    """
    from crypto_bt.store import SnapshotStore, coverage_summary

    settings = open_home(home)
    out = Output(as_json=as_json)
    chosen = parse_symbols(symbols, settings.SYMBOLS)
    store = SnapshotStore(Home(settings.CRYPTO_BT_HOME).store)
    current = store.current()
    if current is None:
        out.say(_not_loaded(settings))
        out.result({"home": settings.CRYPTO_BT_HOME, "snapshot": None, "source": None, "holdings": []})
        return
    rows = [
        {**row, "dataset": name}
        for name in parse_datasets(None)
        for row in coverage_summary(store, name, at=current.id).iter_rows(named=True)
        if row["symbol"] in chosen
    ]
    rows.sort(key=lambda row: chosen.index(row["symbol"]))
    out.say(f"Snapshot {current.id} of {current.source}, published {minute(current.published_at)} UTC")
    out.table(
        ["symbol", "dataset", "from", "to", "rows", "gaps", "missing"],
        [
            [r["symbol"], r["dataset"], minute(r["first"]), minute(r["last"]), r["rows"]]
            + ["-" if r[key] is None else r[key] for key in ("gaps", "missing")]
            for r in rows
        ],
    )
    names = {"first": "from", "last": "to"}
    out.result(
        {
            "home": settings.CRYPTO_BT_HOME,
            "snapshot": current.id,
            "source": current.source,
            "holdings": [{names.get(key, key): value for key, value in row.items()} for row in rows],
        }
    )


@app.command("export")
def export_(
    path: Annotated[Path, typer.Argument(help="Folder to write candles_1h.parquet and so on into.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the current snapshot as Parquet files, sorted, the same bytes each time.

    Example: crypto-bt data export ./out
    """
    from crypto_bt.store import SnapshotStore, export

    settings = open_home(home)
    store = SnapshotStore(Home(settings.CRYPTO_BT_HOME).store)
    if store.current() is None:
        raise UsageError("There is nothing to export.", _not_loaded(settings))
    files = export(store, path)
    out = Output(as_json=as_json)
    out.table(["file", "bytes"], [[file, f"{file.stat().st_size:,}"] for file in files])
    out.result({"files": files})


@app.command()
def verify(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Hash every object of the store against its name; exit code 3 if one is damaged.

    Example: crypto-bt data verify
    """
    from crypto_bt.store import SnapshotStore

    settings = open_home(home)
    found = SnapshotStore(Home(settings.CRYPTO_BT_HOME).store).verify()
    out = Output(as_json=as_json)
    out.say(f"{found.objects} of {found.of} objects are what their names say, {found.bytes:,} bytes hashed.")
    for name in (*found.corrupt, *found.missing):
        out.say(f"damaged: {name}", style="red")
    out.result(
        {
            "objects": found.objects, "of": found.of, "bytes": found.bytes,
            "corrupt": found.corrupt, "missing": found.missing,
        }
    )  # fmt: skip
    if not found.ok:
        raise typer.Exit(UNWELL)


def _not_loaded(settings: Settings) -> str:
    return not_loaded(datetime.now(UTC)).at_home(settings.home_option).text


def _show_plan(out: Output, desk: "Desk", plan: "FetchPlan") -> None:
    from crypto_bt.sources import estimate

    cost = asyncio.run(estimate(desk.source(scheduled=False), plan))
    out.say(
        f"{cost.requests} requests of weight {cost.weight} in all; at {cost.weight_per_minute:.0f} weight "
        f"a minute that takes about {cost.seconds:.0f} s. Nothing was fetched."
    )
    out.result({"dry_run": True, "requests": cost.requests, "weight": cost.weight, "seconds": cost.seconds})
