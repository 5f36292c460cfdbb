"""``crypto-bt report``: where a night's pages are, and its pictures as files."""

import webbrowser
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.options import parse_day
from crypto_bt.commands.output import Output
from crypto_bt.core.errors import UsageError

if TYPE_CHECKING:
    from crypto_bt.defs.resources import Desk
    from crypto_bt.store import NightResult


def report(
    night: Annotated[
        str | None, typer.Argument(metavar="[NIGHT]", help="Such as 2026-11-21; default: the newest.")
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="The tear sheet of this strategy.")] = None,
    open_it: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    charts: Annotated[
        Path | None, typer.Option(help="Folder for the pictures as SVG: of --strategy, or of the night.")
    ] = None,
    png: Annotated[
        bool, typer.Option("--png", help="With --charts: also as PNG (needs crypto-bt[png]).")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print where the page of a night is, or a strategy's tear sheet; both open without a network.

    A page that is not there, or older than the night's result, is made first.

    Example: crypto-bt report --strategy ema_cross --open
    """
    from crypto_bt.defs.report_files import report_path, write_reports
    from crypto_bt.defs.resources import Desk
    from crypto_bt.report.tear_sheet import file_name

    output = Output(as_json=as_json)
    if png and charts is None:
        raise UsageError("--png says how the pictures are written.", "Say where: --charts DIR.")
    desk = Desk.open(open_home(home))
    result = _result(desk, night)
    known = sorted(str(name) for name in result.frame("metrics")["strategy"].unique())
    if strategy is not None and strategy not in known:
        raise UsageError(f"{strategy} is not in the night of {result.night}.", f"It has {', '.join(known)}.")
    page = report_path(desk.results.root, result.night)
    sheets = {name: page.with_suffix("") / file_name(name) for name in known}
    if any(_outdated(path, result.published_at) for path in (page, *sheets.values())):
        write_reports(desk, result)
    chosen = sheets[strategy] if strategy else page
    pictures = _pictures(result, strategy, charts, png=png) if charts else []
    output.say(str(chosen))
    for path in pictures:
        output.say(str(path))
    if open_it and not webbrowser.open(chosen.as_uri()):
        output.note("No browser could be started here; open the file yourself.")
    output.result(
        {
            "night": result.night,
            "strategy": strategy,
            "report": chosen,
            "tear_sheets": sheets,
            "charts": pictures,
        }
    )


def _outdated(path: Path, published_at: datetime) -> bool:
    return not path.is_file() or path.stat().st_mtime < published_at.timestamp()


def _result(desk: "Desk", night: str | None) -> "NightResult":
    day: date | None = parse_day(night, "NIGHT").date() if night else None
    found = desk.results.night(day) if day else desk.results.latest()
    if found is None:
        nights = desk.results.nights()
        raise UsageError(
            f"There is no result of the night of {day}." if day else "There is no night yet.",
            f"The newest is {nights[-1]}." if nights else "Run one: crypto-bt backtest",
        )
    return found


def _pictures(result: "NightResult", strategy: str | None, folder: Path, *, png: bool) -> list[Path]:
    """Each chart as ``NAME.svg``, and as ``NAME.png`` where asked for."""
    from crypto_bt.defs.report_files import tables_of
    from crypto_bt.report.charts.curves import drawdown_chart, equity_chart, night_curves
    from crypto_bt.report.drawing.canvas import WIDE
    from crypto_bt.report.drawing.png import png as drawn_png
    from crypto_bt.report.drawing.style import standalone
    from crypto_bt.report.stamp import read_stamp
    from crypto_bt.report.tear_sheet import charts

    tables, stamp = tables_of(result), read_stamp(result.stamp)
    if strategy:
        drawn = charts(strategy, tables, stamp.benchmark, stamp.by_name.get(strategy))
        svgs = {name: draw(WIDE) for name, draw in drawn.items()}
    else:
        curves = night_curves(tables.equity, stamp.benchmark)
        svgs = {"equity": equity_chart(curves, WIDE), "drawdown": drawdown_chart(curves, WIDE)}
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, svg in svgs.items():
        files = {folder / f"{name}.svg": standalone(svg).encode()}
        if png:
            files[folder / f"{name}.png"] = drawn_png(svg)
        for path, data in files.items():
            path.write_bytes(data)
            written.append(path)
    return written
