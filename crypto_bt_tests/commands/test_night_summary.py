"""A night on the terminal: verdicts and figures within 80 columns, colours only where there is a terminal."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from crypto_bt.commands.night_summary import say_night, summary_of
from crypto_bt.commands.output import Output
from crypto_bt_tests.report.nights import entry, metrics, old_stamp, stamp

LONG = "a_strategy_of_22_signs"
#: The codes that a terminal takes for green, yellow and red.
COLOURS = {"promote": "\x1b[32m", "watch": "\x1b[33m", "retire": "\x1b[31m"}


def desk() -> Any:
    """As much of a desk as a summary asks for."""
    snapshot = SimpleNamespace(id="000007", source="simulated:seed=7", rows=lambda name: 100)
    return SimpleNamespace(
        home=SimpleNamespace(root=Path("home")), store=SimpleNamespace(snapshot=lambda id: snapshot)
    )


def summary(*strategies: dict[str, Any], old: bool = False) -> dict[str, Any]:
    """The summary of a night whose strategies all lost everything, which makes the widest figures."""
    names = [own["name"] for own in strategies] or ["trend"]
    returns = {name: {"ALL": -1.0, "A1": -1.0} for name in names} | {"hold": {"ALL": 12.5, "A1": 12.5}}
    table = metrics(returns, sharpe=-12.25, max_drawdown=-1.0, win_rate=1.0)
    told = old_stamp() if old else stamp(*strategies)
    found = summary_of(desk(), told, table, table, [stamp(entry(name)) for name in names])
    return {**found, "checks": None, "failed_checks": [], "report": None}


def said(found: dict[str, Any], *, terminal: bool = False) -> str:
    """What a person sees."""
    out = Output(as_json=False)
    out.progress_console.file.close()
    out.console = Console(
        file=io.StringIO(),
        width=80 if terminal else 400,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
    )
    say_night(out, found)
    text: str = out.console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_night_fits_80_columns() -> None:
    text = said(summary(entry(LONG, 0.5, losses=(50, 30, 7)), entry("trend")))
    lines = [line.rstrip() for line in text.splitlines()[1:]]
    assert max(map(len, lines)) <= 80
    [verdict, figures] = [line for line in lines if line.startswith(LONG)]
    assert verdict.split()[1:] == ["watch", "-100.0%", "-1350.0", "pp", "+0.0", "pp"]
    assert figures.split()[1:] == ["-12.25", "-0.50", "to", "2.50", "-100.0%", "100.0%", "0.50", "3"]


def test_night_tells_headline_and_the_reason_of_each_verdict() -> None:
    text = " ".join(said(summary(entry("a", 0.5), entry("b", -1.0), entry("c", 1.0))).split())
    assert "Still promoted: c. Fell from promote: a (now watch), b (now retire)." in text
    assert "a watch: Sharpe ratio 0.5 (at least 0.8)." in text
    assert "b retire: Sharpe ratio -1 (at least 0.8)." in text


def test_verdicts_are_coloured_on_terminals_alone() -> None:
    found = summary(entry("a", 1.0), entry("b", 0.5), entry("c", -1.0))
    shown = said(found, terminal=True)
    for word, code in COLOURS.items():
        assert f"{code}{word}" in shown
    assert "\x1b[" not in said(found)


def test_night_shown_in_sample_says_so_and_gives_no_reason() -> None:
    text = " ".join(said(summary(entry("trend", None))).split())
    assert "trend not judged -100.0%" in text
    assert "In sample: shown, not judged." in text
    assert "not computed" not in text


def test_old_night_has_no_verdict() -> None:
    text = said(summary(old=True))
    assert "trend     -" in text
    assert "promote" not in text


@pytest.mark.parametrize("old", [False, True])
def test_summary_is_plain_json(old: bool) -> None:
    found = summary(old=old)
    assert json.loads(json.dumps(found["backtests"], allow_nan=False)) == found["backtests"]
    assert found["backtests"][1]["verdict"] == (None if old else "promote")
