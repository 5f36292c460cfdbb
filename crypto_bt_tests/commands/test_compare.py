"""``compare`` and ``report`` on nights that were published by hand."""

import json
import os
import re
import webbrowser
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crypto_bt.cli import app
from crypto_bt.core.errors import CryptoBtError
from crypto_bt_tests.report.published import NIGHT, home, publish, tables
from crypto_bt_tests.report.reading import read

LATER = date(2026, 1, 11)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A home with two nights that differ in costs and figures."""
    made = home(tmp_path / "home")
    publish(made, tmp_path)
    costs = {"taker_bps": 4.0, "maker_bps": 2.0, "slippage_bps": 2.0, "range_share": 0.0, "impact": 0.0}
    publish(made, tmp_path, LATER, told={"costs": costs}, frames=tables(0.05, ("A1", "C3")))
    return made


def call(root: Path, *arguments: str, code: int = 0) -> str:
    """What a command prints; asserts its exit code."""
    result = CliRunner().invoke(app, [*arguments, "--home", str(root)])
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result.stdout


def refused(root: Path, *arguments: str) -> str:
    """The sentence with which a command refuses."""
    result = CliRunner().invoke(app, [*arguments, "--home", str(root)])
    assert isinstance(result.exception, CryptoBtError), result.output
    return str(result.exception)


def test_compare_tells_what_went_in_what_came_out_and_the_first_trade(root: Path) -> None:
    shown = call(root, "compare", "2026-01-10", "latest", code=3)
    told = re.sub(r" +", " ", shown)
    assert "settings costs.taker_bps 5 4" in told
    assert "trend net return +10.00% +5.00% -5.00 pp" in told
    assert "Trades: 1 the same, 0 differ, 1 only before, 1 only after." in told
    assert "The first to differ: trend B2 entered 2026-01-01 00:00, only before." in told
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 80


def test_compare_counts_what_there_is_too_much_of_for_rows(root: Path, tmp_path: Path) -> None:
    publish(root, tmp_path, LATER, told={"symbols": [f"S{number}" for number in range(60)]})
    told = re.sub(r" +", " ", call(root, "compare", "2026-01-10", "2026-01-11"))
    assert "snapshot symbols: 62 differ 2 there 60 there" in told
    found = json.loads(call(root, "compare", "2026-01-10", "2026-01-11", "--json"))
    assert len(found["inputs"]) == 63


def test_compare_of_a_run_with_itself_is_exit_code_0(root: Path) -> None:
    shown = call(root, "compare", "2026-01-10", "2026-01-10")
    assert "The same settings, code and snapshot went in." in shown
    assert "Every figure of every strategy that both have is the same." in shown


def test_compare_as_json_has_every_difference(root: Path) -> None:
    found = json.loads(call(root, "compare", "2026-01-10", "2026-01-11", "--json", code=3))
    assert found["same_results"] is False
    assert {"strategy": "trend", "figure": "net_return", "before": 0.1, "after": 0.05} in found["figures"]
    assert {each["name"] for each in found["inputs"]} == {"night", "costs.taker_bps"}
    assert found["trades"]["first"]["symbol"] == "B2"


def test_compare_finds_the_run_that_a_night_had_before(root: Path, tmp_path: Path) -> None:
    first = json.loads(call(root, "compare", "2026-01-10", "2026-01-10", "--json"))["before"]["run"]
    publish(root, tmp_path, NIGHT, frames=tables(0.07))
    found = json.loads(call(root, "compare", first[:8], "2026-01-10", "--json", code=3))
    assert found["before"]["night"] == found["after"]["night"] == "2026-01-10"
    assert "There is no run '2026-01-09'" in refused(root, "compare", "2026-01-09", "latest")


def test_report_makes_the_pages_that_are_missing_and_links_them(root: Path) -> None:
    path = Path(call(root, "report", "2026-01-10").strip())
    assert path == root / "results" / "reports" / "2026-01-10.html"
    links = re.findall(r'href="([^"]+)"', path.read_text())
    assert links == ["2026-01-10/trend.html", "2026-01-10/hold.html"]
    for link in links:
        sheet = path.parent / link
        assert sheet.is_file()
        assert sheet.stat().st_mode & 0o777 == 0o600
        for back in re.findall(r'href="([^"]+)"', sheet.read_text()):
            assert (sheet.parent / back).resolve().is_file()


def test_report_that_is_there_is_left_alone_and_one_of_an_older_run_is_not(
    root: Path, tmp_path: Path
) -> None:
    found: dict[str, Any] = json.loads(call(root, "report", "--strategy", "trend", "--json"))
    sheet = Path(found["report"])
    assert sheet.parts[-2:] == ("2026-01-11", "trend.html")
    first = sheet.stat().st_mtime_ns
    call(root, "report")
    assert sheet.stat().st_mtime_ns == first
    os.utime(sheet, (0, 0))
    call(root, "report")
    assert sheet.stat().st_mtime_ns > 0


def test_report_writes_the_pictures_of_a_strategy_and_of_the_night(root: Path, tmp_path: Path) -> None:
    call(root, "report", "--strategy", "trend", "--charts", str(tmp_path / "own"), "--png")
    names = {"equity", "drawdown", "months", "daily_returns", "trades", "parameters"}
    assert {path.name for path in (tmp_path / "own").iterdir()} == {
        f"{name}.{kind}" for name in names for kind in ("svg", "png")
    }
    call(root, "report", "--charts", str(tmp_path / "night"))
    assert {path.name for path in (tmp_path / "night").iterdir()} == {"equity.svg", "drawdown.svg"}
    for path in tmp_path.rglob("*.svg"):
        assert read(path.read_text()).width == 720


def test_report_opens_the_page_in_the_browser(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    path = Path(call(root, "report", "--open").strip())
    assert opened == [path.as_uri()]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("2026-01-09",), "There is no result of the night of 2026-01-09. The newest is 2026-01-11."),
        (("yesterday",), "NIGHT 'yesterday' is not a date"),
        (("--strategy", "x"), "x is not in the night of 2026-01-11. It has hold, trend."),
        (("--png",), "Say where: --charts DIR."),
    ],
)
def test_report_that_cannot_be_says_why(root: Path, arguments: tuple[str, ...], why: str) -> None:
    assert why in refused(root, "report", *arguments)


def test_report_of_an_empty_home_says_how_to_make_a_night(tmp_path: Path) -> None:
    assert "Run one: crypto-bt backtest" in refused(home(tmp_path / "empty"), "report")
