"""A real gap of the recording (1000PEPEUSDT 1h misses 5,529 hours of 2024) is stored as a gap and found."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from crypto_bt.core.market import Timeframe
from crypto_bt.core.wholeness import find_gaps
from crypto_bt.defs.execute import run_job
from crypto_bt.defs.partitions import range_tags, symbol_range_tags
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.settings import load_settings, render_example
from crypto_bt.simulator.recorded import RecordedMarket
from crypto_bt.simulator.serving import running
from crypto_bt_tests.recorded import RECORDED, needs_recorded

START, NOW = datetime(2024, 5, 1, tzinfo=UTC), datetime(2025, 1, 10, tzinfo=UTC)


@needs_recorded
def test_recorded_gap_shows_up_in_coverage_and_continuity(tmp_path: Path) -> None:
    with running(RecordedMarket(RECORDED), weight_limit=100_000) as exchange:
        values = {"EXCHANGE_URL": exchange.url, "SYMBOLS": "BTCUSDT,1000PEPEUSDT"}
        Home(tmp_path).prepare(render_example(), {**values, "FIXED_NOW": NOW.isoformat()})
        desk = replace(Desk.open(load_settings(tmp_path)), clock=lambda: NOW)
        update = run_job("data_update", desk, tags=range_tags(START, NOW), assets=["candles_1h"])
        assert update.success, update.why
        [gap] = find_gaps(desk.store.read("candles_1h"), Timeframe.H1)
        assert (gap.symbol, gap.missing) == ("1000PEPEUSDT", 5529)
        validation = run_job("data_validation", desk, tags=symbol_range_tags(desk.settings.SYMBOLS))
    found = {check.name: check for check in validation.checks if check.asset == "candles_1h"}
    assert not found["coverage"].passed
    assert "1 of 2 symbols are whole" in found["coverage"].text
    assert "1000PEPEUSDT 1h misses" in found["coverage"].text
    assert not found["continuity"].passed
    assert (
        "1000PEPEUSDT 1h 5529 candles in a row (2024-05-14 15:00 to 2024-12-30 23:00)"
        in found["continuity"].text
    )
    assert found["data_age"].passed
    # Timeframes that were never loaded stay quiet.
    assert all(check.passed for check in validation.checks if check.asset != "candles_1h")
