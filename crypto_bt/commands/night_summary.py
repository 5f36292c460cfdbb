"""A night's outcome as a command prints it."""

from collections.abc import Mapping, Sequence
from datetime import date
from textwrap import fill
from typing import TYPE_CHECKING, Any

from rich.text import Text

from crypto_bt.commands.output import Output, figure, percent
from crypto_bt.core.datasets import CANDLE_DATASETS
from crypto_bt.core.errors import StoreError

if TYPE_CHECKING:
    import polars as pl

    from crypto_bt.defs.execute import JobOutcome
    from crypto_bt.defs.resources import Desk

#: How a verdict looks on a terminal.
STYLES = {"promote": "green", "watch": "yellow", "retire": "red"}
#: The width of the lines that are long.
COLUMNS = 80
TRIAL = "A trial: nothing was checked, nothing is published."


def night_summary(desk: "Desk", night: date, outcome: "JobOutcome") -> dict[str, Any]:
    """The result object of ``demo`` and ``backtest``: what was checked, and how each strategy did."""
    from crypto_bt.defs.report_files import report_path

    result = desk.results.night(night)
    if result is None:
        raise StoreError(f"The night of {night} left no result.", "Run it again: crypto-bt backtest")
    previous = desk.results.latest(before=night)
    before = previous.frame("metrics") if previous else None
    earlier = [previous.stamp] if previous else []
    return {
        **summary_of(desk, result.stamp, result.frame("metrics"), before, earlier),
        "digest": result.digest,
        "checks": {
            "passed": sum(check.passed for check in outcome.checks),
            "failed": sum(not check.passed for check in outcome.checks),
        },
        "failed_checks": [
            {"asset": c.asset, "check": c.name, "severity": c.severity, "text": c.text}
            for c in outcome.checks
            if not c.passed
        ],
        "report": report_path(desk.results.root, night),
    }


def summary_of(
    desk: "Desk",
    stamp: Mapping[str, Any],
    metrics: "pl.DataFrame",
    before: "pl.DataFrame | None" = None,
    earlier: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What the files of a night or of a trial say, beside the metrics ``before`` and ``earlier`` stamps."""
    from crypto_bt.report.remarks import headline, lead, scope
    from crypto_bt.report.scorecard import build_scorecard, summary_rows
    from crypto_bt.report.stamp import read_stamp

    read = read_stamp(stamp)
    card = build_scorecard(metrics, before, read.benchmark, earlier=earlier)
    snapshot = desk.store.snapshot(stamp["snapshot"]["id"])
    return {
        "home": desk.home.root,
        "source": snapshot.source,
        "snapshot": snapshot.id,
        "night": stamp["night"],
        "candles": sum(snapshot.rows(name) for name in CANDLE_DATASETS),
        "symbols": len(stamp["symbols"]),
        "left_out": stamp["left_out"],
        "without_funding": stamp["symbols_without_funding"],
        "mark_price_source": stamp["mark_price_source"],
        "headline": headline(card, read),
        "lead": lead(card, read),
        "scope": scope(card, read),
        "backtests": summary_rows(card, read),
        "failed_strategies": {s["name"]: s["error"] for s in stamp["strategies"] if s["error"]},
    }


def say_night(out: Output, summary: dict[str, Any]) -> None:
    """The summary for a person: data, checks, a table of strategies."""
    checks = summary["checks"]
    out.say(
        f"Snapshot {summary['snapshot']}: {summary['candles']:,} candles. {summary['symbols']} symbols "
        f"backtested, {len(summary['left_out'])} left out. "
        + (f"{checks['passed']} checks passed, {checks['failed']} failed." if checks else TRIAL)
    )
    for check in summary["failed_checks"]:
        style = "red" if check["severity"] == "error" else "yellow"
        out.say(f"  {check['severity']}: {check['asset']} {check['check']}: {check['text']}", style=style)
    for symbol, reason in summary["left_out"].items():
        out.say(f"  left out: {symbol} {reason}", style="yellow")
    if summary["without_funding"]:
        out.say(f"  without recorded funding: {', '.join(summary['without_funding'])}", style="yellow")
    _say_verdicts(out, summary)
    for name, error in summary["failed_strategies"].items():
        out.say(f"  {name} failed: {error}", style="red")


def _say_verdicts(out: Output, summary: Mapping[str, Any]) -> None:
    """Two tables of at most 80 columns, and why each verdict is what it is."""
    rows = summary["backtests"]
    out.table(
        ["strategy", "verdict", "net return", "vs benchmark", "vs last night"],
        [
            [
                row["strategy"],
                _word(row),
                percent(row["net_return"]),
                _points(row["versus_benchmark"]),
                _points(row["versus_last_night"]),
            ]
            for row in rows
        ],
        title=f"Night of {summary['night']}",
    )
    out.table(
        ["strategy", "Sharpe", "95 %", "max\ndrawdown", "win\nrate", "profit\nfactor", "trades"],
        [
            [
                row["strategy"],
                figure(row["sharpe"]),
                _between(row["sharpe_low"], row["sharpe_high"]),
                percent(row["max_drawdown"]),
                "-" if row["win_rate"] is None else f"{row['win_rate']:.1%}",
                figure(row["profit_factor"]),
                row["trades"],
            ]
            for row in rows
        ],
    )
    out.say(fill(summary["headline"], COLUMNS), style="bold")
    for sentence in (summary["lead"], summary["scope"]):
        if sentence:
            out.say(fill(sentence, COLUMNS))
    for row in rows:
        if row["reason"] and row["out_of_sample"]:
            reason = f"{row['strategy']} {row['reason']}"
            told = fill(reason, COLUMNS, initial_indent="  ", subsequent_indent="    ")
            out.say(told, style=STYLES.get(row["verdict"]))


def _word(row: Mapping[str, Any]) -> Text:
    verdict = row["verdict"] or ("benchmark" if row["benchmark"] else "-")
    return Text("not judged" if verdict == "not computed" else verdict, style=STYLES.get(verdict, ""))


def _points(difference: float | None) -> str:
    return "-" if difference is None else f"{100 * difference:+.1f} pp"


def _between(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{low:.2f} to {high:.2f}"
