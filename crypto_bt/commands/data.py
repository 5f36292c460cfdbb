"""``crypto-bt data``: fill the store, see what it holds, take it out."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from crypto_bt.commands import quarantine
from crypto_bt.commands.backfill import backfill
from crypto_bt.commands.dictionary import dictionary
from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.imports import import_
from crypto_bt.commands.options import SymbolsOption, parse_datasets, parse_symbols
from crypto_bt.commands.output import UNWELL, Output, minute
from crypto_bt.commands.repair import repair
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import UsageError
from crypto_bt.core.verdict import not_loaded
from crypto_bt.runtime.home import Home
from crypto_bt.settings import Settings

app = typer.Typer(
    help="Market data: backfill, repair, import, export, list, verify, quarantine.", no_args_is_help=True
)

app.command()(backfill)
app.command()(repair)
app.command()(dictionary)
app.command("import")(import_)
app.add_typer(quarantine.app, name="quarantine")


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
        for name in parse_datasets(None, settings.candle_datasets)
        for row in coverage_summary(store, name, at=current.id)
        .rename({DATASETS[name].entity: "symbol"})
        .iter_rows(named=True)
        if row["symbol"] in chosen or DATASETS[name].entity == "series"
    ]
    # Series, which belong to no symbol, come last.
    places = {symbol: place for place, symbol in enumerate(chosen)}
    rows.sort(key=lambda row: places.get(row["symbol"], len(places)))
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


@app.command()
def compact(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Remove snapshots, objects, nights and backups that nothing needs any more, as Sunday's job does.

    Example: crypto-bt data compact
    """
    from crypto_bt.defs.compacting import compact as compact_home
    from crypto_bt.defs.execute import open_instance
    from crypto_bt.defs.operations_assets import snapshots_being_read
    from crypto_bt.defs.resources import Desk

    desk = Desk.open(open_home(home))
    with open_instance(desk.home) as instance:
        done = compact_home(desk, desk.clock(), snapshots_being_read(instance))
    out = Output(as_json=as_json)
    out.say(
        f"{done.freed:,} bytes freed: {len(done.collected.snapshots)} snapshots, {done.collected.objects} "
        f"objects, {done.nights} nights, {len(done.pruned.names)} backups removed."
    )
    out.say(f"{done.snapshots} snapshots of {done.objects} objects stay, {done.store_bytes:,} bytes.")
    out.result({"freed_bytes": done.freed, "snapshots": done.snapshots, "store_bytes": done.store_bytes})


def _not_loaded(settings: Settings) -> str:
    return not_loaded(datetime.now(UTC)).at_home(settings.home_option).text
