"""A night's outcome as a command prints it."""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

from crypto_bt.commands.output import Output, figure, percent
from crypto_bt.core.datasets import CANDLE_DATASETS
from crypto_bt.core.errors import StoreError

if TYPE_CHECKING:
    import polars as pl

    from crypto_bt.defs.execute import JobOutcome
    from crypto_bt.defs.resources import Desk

TRIAL = "A trial: nothing was checked, nothing is published."


def night_summary(desk: "Desk", night: date, outcome: "JobOutcome") -> dict[str, Any]:
    """The result object of ``demo`` and ``backtest``: what was checked, and how each strategy did."""
    from crypto_bt.defs.backtest_assets import report_path

    result = desk.results.night(night)
    if result is None:
        raise StoreError(f"The night of {night} left no result.", "Run it again: crypto-bt backtest")
    return {
        **summary_of(desk, result.stamp, result.frame("metrics")),
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
        "report": report_path(desk, night),
    }


def summary_of(desk: "Desk", stamp: Mapping[str, Any], metrics: "pl.DataFrame") -> dict[str, Any]:
    """What the files of a night or of a trial say."""
    from crypto_bt.report.scorecard import summary_rows

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
        "backtests": summary_rows(metrics),
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
    out.table(
        ["strategy", "symbols", "trades", "net return", "sharpe", "max drawdown"],
        [
            [
                row["strategy"],
                row["symbols"],
                row["trades"],
                percent(row["net_return"]),
                figure(row["sharpe"]),
                percent(row["max_drawdown"]),
            ]
            for row in summary["backtests"]
        ],
        title=f"Night of {summary['night']}",
    )
    for name, error in summary["failed_strategies"].items():
        out.say(f"  {name} failed: {error}", style="red")
