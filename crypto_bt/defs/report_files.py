"""A night's pages as files: ``reports/2026-11-21.html``, and beside it a folder with one of each strategy."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from crypto_bt.defs.earlier_nights import stamps_before
from crypto_bt.defs.resources import Desk
from crypto_bt.report.scorecard import Scorecard, build_scorecard
from crypto_bt.report.tear_sheet import NightTables, file_name, tear_sheet
from crypto_bt.store import NightResult, write_atomically


@dataclass(frozen=True, slots=True)
class ReportFiles:
    """The night's ``page``, the ``folder`` of the tear sheets, each strategy's, and the scorecard in them."""

    page: Path
    folder: Path
    tear_sheets: Mapping[str, Path]
    card: Scorecard


def report_path(root: Path, night: date) -> Path:
    """Where the night's page lies under the results' ``root``."""
    return root / "reports" / f"{night}.html"


def write_reports(desk: Desk, result: NightResult) -> ReportFiles:
    """Draw and write all pages of the night; a page that is there already is replaced."""
    from crypto_bt.report.page import night_page

    tables = tables_of(result)
    card = scorecard_of(desk, result)
    page = report_path(desk.results.root, result.night)
    folder = page.with_suffix("")
    for needed in (page.parent, folder):
        needed.mkdir(mode=0o700, exist_ok=True)
    sheets = {row.strategy: folder / file_name(row.strategy) for row in card.rows}
    for name, path in sheets.items():
        others = {other: sheet.name for other, sheet in sheets.items() if other != name}
        text = tear_sheet(name, tables, result.stamp, card, night_page=f"../{page.name}", others=others)
        write_atomically(path, text.encode())
    text = night_page(
        tables.metrics,
        tables.equity,
        tables.trades,
        tables.signals,
        result.stamp,
        card,
        windows=tables.windows,
        parameter_sets=tables.parameter_sets,
        tear_sheets={name: f"{folder.name}/{path.name}" for name, path in sheets.items()},
    )
    # last, so that every link on it leads somewhere
    write_atomically(page, text.encode())
    return ReportFiles(page, folder, sheets, card)


def tables_of(result: NightResult) -> NightTables:
    """What the pages read of a night."""
    return NightTables(
        result.frame("metrics"),
        result.frame("equity"),
        result.frame("trades"),
        result.frame("signals"),
        result.frame_if_any("windows"),
        result.frame_if_any("parameter_sets"),
        result.frame_if_any("market"),
    )


def scorecard_of(desk: Desk, result: NightResult) -> Scorecard:
    """The night's strategies against the benchmark and the night before."""
    previous = desk.results.latest(before=result.night)
    before = previous.frame("metrics") if previous else None
    earlier = [stamp for _, stamp in stamps_before(desk, result.night)]
    return build_scorecard(result.frame("metrics"), before, result.stamp["benchmark"], earlier=earlier)
