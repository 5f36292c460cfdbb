"""The summary by symbol: one partition each, with what is missing where."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from crypto_bt.core.market import Timeframe
from crypto_bt.defs.execute import open_instance, run_job
from crypto_bt_tests.defs.desk_home import DeskHome, desk_home

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
NOW = datetime(2026, 3, 10, 1, 0, tzinfo=UTC)


def lose_candles(home: DeskHome, symbol: str, opened: datetime, count: int) -> None:
    """Publish a store of the same source that lacks ``count`` hourly candles of ``symbol``."""
    store = home.desk.store
    current = store.current()
    assert current is not None
    rows = store.read("candles_1h")
    lost = pl.col("open_time").is_between(opened, opened + timedelta(hours=count), closed="left")
    kept = {name: store.read(name) for name in ("candles_4h", "candles_1d", "universe")}
    kept["candles_1h"] = rows.filter(~((pl.col("symbol") == symbol) & lost))
    for path in sorted(store.root.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    store.publish(kept, source=current.source, published_by="test", now=NOW)


def latest(home: DeskHome) -> dict[str, dict[str, object]]:
    """Metadata of each partition's latest materialization."""
    with open_instance(home.desk.home) as instance:
        records = instance.fetch_materializations(dg.AssetKey("data_quality"), limit=20).records
    found: dict[str, dict[str, object]] = {}
    for record in records:
        event = record.asset_materialization
        assert event is not None
        values = {key: value.value for key, value in event.metadata.items()}
        found.setdefault(str(record.partition_key), values)
    return found


def test_data_quality_shows_each_symbol_and_names_the_one_that_is_not_whole(tmp_path: Path) -> None:
    with desk_home(tmp_path / "home", SYMBOLS, NOW) as home:
        assert home.update(days=40).success
        lose_candles(home, "ETHUSDT", NOW - timedelta(days=4), count=5)
        outcome = run_job("data_validation", home.desk, tags=home.all_symbols())
        # The coverage check fails, and with it the run; the summary is there all the same.
        assert "2 of 3 symbols are whole" in outcome.why
        found = latest(home)
    assert set(found) == set(SYMBOLS)
    assert found["BTCUSDT"]["whole"] is True
    assert found["BTCUSDT"]["coverage_1h"] == 1.0
    assert found["ETHUSDT"]["whole"] is False
    expected = home.desk.lookback // Timeframe.H1.delta
    assert found["ETHUSDT"]["coverage_1h"] == (expected - 5) / expected
    assert "misses 5 candles in a row (2026-03-06 01:00 to 2026-03-06 05:00), limit 2" in str(
        found["ETHUSDT"]["by timeframe"]
    )
    assert found["SOLUSDT"]["not whole"] == "ETHUSDT"
