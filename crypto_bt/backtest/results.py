"""What the desk's other programs read of a night, assembled from its tables and its stamp."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import polars as pl

#: Version of the stamp, of ``backtest_results.json`` and of ``signals_validated.parquet``.
SCHEMA_VERSION: Final = 1


def backtest_results(metrics: pl.DataFrame, stamp: Mapping[str, Any]) -> dict[str, Any]:
    """Contents of ``backtest_results.json``: plain JSON values, times as ISO 8601 UTC.

    ``metrics`` is the night's metrics table. Each strategy has ``error`` (null if it ran), ``portfolio`` (the
    row ALL, null on error) and ``symbols`` (symbol to figures). ``valid_until`` is the next night's cutoff.
    """
    rows = metrics.with_columns(pl.col("first", "last").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_dicts()
    strategies: dict[str, dict[str, Any]] = {}
    for entry in stamp["strategies"]:
        own = [row for row in rows if row["strategy"] == entry["name"]]
        figures = {
            row["symbol"]: {k: v for k, v in row.items() if k not in ("strategy", "symbol")} for row in own
        }
        portfolio = figures.pop("ALL", None)
        strategies[entry["name"]] = {
            "error": entry["error"],
            "parameters": entry["parameters"],
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
