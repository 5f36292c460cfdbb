"""Homes with nights that were made by hand and published."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from crypto_bt.runtime.home import Home
from crypto_bt.settings import render_example
from crypto_bt.store import NightResult, ResultsStore
from crypto_bt_tests.report import nights
from crypto_bt_tests.report.nights import START, UTC_MS, entry, equity, metrics, stamp

NIGHT = date(2026, 1, 10)
PUBLISHED = datetime(2026, 1, 11, tzinfo=UTC)


def home(root: Path) -> Path:
    """An empty home at ``root``."""
    Home(root).prepare(render_example(), {"FIXED_NOW": PUBLISHED.isoformat()})
    return root


def tables(net_return: float = 0.1, symbols: tuple[str, ...] = ("A1", "B2")) -> dict[str, pl.DataFrame]:
    """The tables of a night of trend beside the benchmark."""
    by_symbol = dict.fromkeys(symbols, net_return)
    market = {"symbol": ["BTCUSDT"], "time": [START], "mark": [100.0]}
    return {
        "metrics": metrics({"trend": {"ALL": net_return, **by_symbol}, "hold": {"ALL": 0.0, **by_symbol}}),
        "equity": equity("trend", "hold", days=30),
        "trades": pl.concat([nights.trades("trend", symbol) for symbol in symbols]),
        "signals": nights.signals("trend", A1=-1.0),
        "targets": pl.DataFrame({"strategy": ["trend"]}),
        "windows": nights.windows("trend"),
        "parameter_sets": nights.parameter_sets("trend"),
        "market": pl.DataFrame(market, schema_overrides={"time": UTC_MS}),
    }


def publish(
    root: Path,
    work: Path,
    night: date = NIGHT,
    *,
    told: Mapping[str, Any] | None = None,
    frames: Mapping[str, pl.DataFrame] | None = None,
) -> NightResult:
    """Publish a night to the home at ``root``; ``told`` replaces parts of its stamp, ``frames`` tables."""
    folder = work / f"run-{len(list(work.glob('run-*')))}"
    folder.mkdir(parents=True)
    for name, frame in {**tables(), **(frames or {})}.items():
        frame.write_parquet(folder / f"{name}.parquet")
    whole = {**stamp(entry("trend")), "night": night.isoformat(), **(told or {})}
    (folder / "stamp.json").write_text(json.dumps(whole))
    return ResultsStore(Home(root).results).publish(night, folder, now=PUBLISHED)
