"""``crypto-bt data import``: market data out of files."""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import UNWELL, Output
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import Timeframe, parse_symbol
from crypto_bt.runtime.home import SETTINGS_PATIENCE_SECONDS, with_values, write_privately

if TYPE_CHECKING:
    from crypto_bt.defs.importing import ImportReport
    from crypto_bt.defs.resources import Desk


def import_(
    files: Annotated[list[Path], typer.Argument(help="CSV, zip of CSV, or Parquet.", show_default=False)],
    dataset: Annotated[
        str | None, typer.Option(help="What the files hold, where their names do not say: funding_rates, ...")
    ] = None,
    timeframe: Annotated[str | None, typer.Option(help="Likewise, for candles: 1h means candles_1h.")] = None,
    symbol: Annotated[str | None, typer.Option(help="Whose rows they are, likewise.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Whose data it is, where files do not say; default binanceusdm.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write values that differ from stored ones, as revisions.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and compare only.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import files of the exchange's public archive, or of `data export`; all of them or nothing.

    Values that differ from stored ones are reported and left alone. A last candle that may have been saved
    while it was still open is left out. Exit code 3 if rows were refused or differ.

    Example: crypto-bt data import BTCUSDT-1h-2024-01.zip BTCUSDT-fundingRate-2024-01.zip
    """
    from crypto_bt.defs.foreign_files import Hints
    from crypto_bt.defs.importing import import_files
    from crypto_bt.defs.resources import Desk

    hints = Hints(_chosen(dataset, timeframe), parse_symbol(symbol) if symbol else None)
    desk = Desk.open(open_home(home))
    began = first_day(desk)
    report = import_files(desk, files, hints=hints, source=source, overwrite=overwrite, dry_run=dry_run)
    out = Output(as_json=as_json)
    _show(out, report, desk.settings.home_option, overwrite=overwrite)
    if began is not None and desk.settings.HISTORY_START is None and first_day(desk) != began:
        _keep_history_start(out, desk, began)
    out.result({"home": desk.home.root, "dry_run": dry_run, "overwrite": overwrite, **asdict(report)})
    contradicted = 0 if overwrite else sum(made.differing for made in report.datasets)
    if report.refused or contradicted:
        raise typer.Exit(UNWELL)


def first_day(desk: "Desk") -> date | None:
    """Day of the first stored candle; None while there is none."""
    current = desk.store.current()
    if current is None:
        return None
    firsts = [item.first for name in desk.settings.candle_datasets for item in current.of(name)]
    return min(firsts).date() if firsts else None


def _keep_history_start(out: Output, desk: "Desk", day: date) -> None:
    """A file of one symbol's past must not make that of all others count as missing."""
    with desk.home.locked("settings", "crypto-bt data import", SETTINGS_PATIENCE_SECONDS):
        text = desk.home.env_file.read_text()
        write_privately(desk.home.env_file, with_values(text, {"HISTORY_START": f"{day:%Y-%m-%d}"}))
    out.say(
        f"Candles still count as missing from {day:%Y-%m-%d} on: HISTORY_START in {desk.home.env_file}. "
        "Set it to an earlier day for backtests to begin there, and the other symbols to be filled.",
        style="yellow",
    )


def _chosen(dataset: str | None, timeframe: str | None) -> str | None:
    """The dataset that --dataset or --timeframe means; UsageError for one that there is not."""
    if timeframe is not None:
        if dataset is not None:
            raise UsageError("--dataset and --timeframe both say what the files hold.", "Give one of them.")
        if timeframe not in list(Timeframe):
            raise UsageError(f"--timeframe {timeframe!r} is not kept.", f"There are {', '.join(Timeframe)}.")
        return Timeframe(timeframe).dataset
    if dataset is not None and dataset not in DATASETS:
        raise UsageError(f"There is no dataset {dataset!r}.", f"There are: {', '.join(DATASETS)}.")
    return dataset


def _show(out: Output, report: "ImportReport", home_option: str, *, overwrite: bool) -> None:
    out.table(
        ["file", "dataset", "symbols", "good rows", "refused", "left out"],
        [[f.path.name, f.dataset, f.symbols, f"{f.rows:,}", f.refused, f.left_out] for f in report.files],
    )
    out.table(
        ["dataset", "new", "filled", "same", "overwritten" if overwrite else "differing"],
        [[d.dataset, f"{d.new:,}", d.filled, f"{d.same:,}", d.differing] for d in report.datasets],
    )
    for file in report.files:
        if file.remark:
            out.say(f"{file.path.name}: {file.remark}.", style="yellow")
    if any(file.left_out for file in report.files):
        out.say("Left out: last candles that may have been saved while they were still open.")
    for made in report.datasets:
        if made.differing and not overwrite:
            rest = made.differing - len(made.named)
            more = f" and {rest} more" if rest else ""
            out.say(
                f"Stored values stay, the files differ: {', '.join(made.named)}{more}. "
                "To take the files' values: --overwrite",
                style="yellow",
            )
    if report.refused:
        out.say(f"Refused rows: crypto-bt data quarantine list{home_option}", style="yellow")
    out.say(
        "Nothing was written: a dry run."
        if report.snapshot is None
        else f"Published as snapshot {report.snapshot} of {report.source}."
    )
