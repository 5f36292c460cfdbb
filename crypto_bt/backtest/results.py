"""What the desk's other programs read of a night, assembled from its tables and its stamp."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

#: Version of the stamp, of ``backtest_results.json`` and of ``signals_validated.parquet``.
#:
#: 2: the figures are out of sample (a walk-forward over many parameter sets); each strategy has a verdict,
#: statistics against luck and the set in charge; a signal's ``target`` is a share from -1 to 1 (Float64; it
#: was -1, 0 or 1); ``costs`` in the stamp has taker_bps, maker_bps, slippage_bps, range_share and impact.
SCHEMA_VERSION: Final = 2


def backtest_results(metrics: pl.DataFrame, stamp: Mapping[str, Any]) -> dict[str, Any]:
    """Contents of ``backtest_results.json``: plain JSON values, times as ISO 8601 UTC.

    ``metrics`` is the night's metrics table. Each strategy has ``error`` (null if it ran), ``portfolio`` (the
    row ALL, null on error) and ``symbols`` (symbol to figures); ``out_of_sample`` says whether these are of
    days that nothing was chosen on. ``verdict`` is promote, watch, retire or "not computed", ``reason`` says
    why; ``gates``, ``overfitting`` and ``in_charge`` (the parameter set of today's signals) are as in the
    stamp. All of these are null where there is none, as of the benchmark. ``valid_until`` is the next night's
    cutoff.
    """
    rows = metrics.with_columns(pl.col("first", "last").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_dicts()
    strategies: dict[str, dict[str, Any]] = {}
    for entry in stamp["strategies"]:
        own = [row for row in rows if row["strategy"] == entry["name"]]
        figures = {
            row["symbol"]: {k: v for k, v in row.items() if k not in ("strategy", "symbol")} for row in own
        }
        portfolio = figures.pop("ALL", None)
        verdict = entry.get("verdict") or {}
        strategies[entry["name"]] = {
            "error": entry["error"],
            "parameters": entry["parameters"],
            "in_charge": entry.get("in_charge"),
            "out_of_sample": entry.get("out_of_sample"),
            "verdict": verdict.get("decision"),
            "reason": verdict.get("reason"),
            "gates": verdict.get("outcomes"),
            "overfitting": entry.get("overfitting"),
            "portfolio": portfolio,
            "symbols": figures,
        }
    return {
        "schema_version": SCHEMA_VERSION,
        "night": stamp["night"],
        "valid_until": iso(datetime.fromisoformat(stamp["cutoff"]) + timedelta(days=1)),
        "benchmark": stamp["benchmark"],
        "left_out": stamp["left_out"],
        "strategies": strategies,
        "stamp": dict(stamp),
    }


def signals_validated(signals: pl.DataFrame, stamp: Mapping[str, Any]) -> pl.DataFrame:
    """Contents of ``signals_validated.parquet``: the night's signals with the night, the snapshot they were
    computed from and the schema version, sorted by strategy and symbol."""
    snapshot = stamp["snapshot"]
    return signals.sort("strategy", "symbol").with_columns(
        night=pl.lit(stamp["night"]).str.to_date(),
        snapshot=pl.lit(snapshot["id"]),
        snapshot_digest=pl.lit(snapshot["digest"]),
        schema_version=pl.lit(SCHEMA_VERSION, pl.Int32),
    )


def iso(moment: datetime) -> str:
    """``moment`` (aware, UTC) as 2026-11-21T23:30:00Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
