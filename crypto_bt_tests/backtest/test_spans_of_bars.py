"""What is summed up over days, and what the mark price and finer candles say of each bar."""

from datetime import timedelta

import polars as pl
import pytest

from crypto_bt.backtest.bars import arrange_bars
from crypto_bt.backtest.layout import (
    BLOCK_CLOSE,
    BLOCK_HIGH,
    BLOCK_LOW,
    BLOCK_MARK_HIGH,
    BLOCK_MARK_LOW,
    BLOCK_PAID,
    BLOCK_SWING,
    MARK_HIGH,
    MARK_LOW,
    OPEN,
)
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import CANDLE_SCHEMA
from crypto_bt_tests.backtest.by_hand import FLAT, marks
from crypto_bt_tests.backtest.markets import START, Ohlc, candles, funding

HOUR = timedelta(hours=1)


def test_blocks_are_the_utc_days_of_each_stretch() -> None:
    """Nine bars, the eighth missing: a day of six, then one, then one in a stretch of its own."""
    rows: list[Ohlc | None] = [(100 + i, 105 + i, 90 - i, 101 + i) for i in range(9)]
    rows[7] = None
    bars = arrange_bars(candles({"AAAUSDT": rows}), Timeframe.H4)
    assert bars.blocks.first.tolist() == [0, 6, 7, 8]
    assert bars.blocks.day.tolist() == [0, 1, 1]
    assert bars.blocks.of.tolist() == [0] * 6 + [1, 2]
    figures = bars.blocks.lines[:, [BLOCK_HIGH, BLOCK_LOW, BLOCK_CLOSE]]
    assert figures.tolist() == [[110.0, 85.0, 106.0], [111.0, 84.0, 107.0], [113.0, 82.0, 109.0]]


def test_blocks_mark_extremes_include_the_opens() -> None:
    frame = candles({"AAAUSDT": [FLAT, (120, 121, 90, 95)]})
    calm = marks([(100.0, 101.0, 99.0, 100.0)] * 8, "AAAUSDT")
    block = arrange_bars(frame, Timeframe.H4, mark_prices=calm).blocks.lines[0]
    assert (block[BLOCK_MARK_HIGH], block[BLOCK_MARK_LOW]) == (120.0, 99.0)


def test_blocks_funding_swing_is_how_far_it_goes_up_and_down_since_the_bar_before() -> None:
    """A long pays 1, gets 3, pays 1 on the first day, and gets 2 at the midnight after it."""
    rates = funding(
        [
            ("AAAUSDT", START + HOUR, 0.01, 100.0),
            ("AAAUSDT", START + 5 * HOUR, -0.03, 100.0),
            ("AAAUSDT", START + 9 * HOUR, 0.01, 100.0),
            ("AAAUSDT", START + 24 * HOUR, -0.02, 100.0),
        ]
    )
    frame = candles({"AAAUSDT": [FLAT] * 7, "BBBUSDT": [FLAT]})
    blocks = arrange_bars(frame, Timeframe.H4, funding_rates=rates).blocks.lines
    assert blocks[:, BLOCK_PAID].tolist() == pytest.approx([-1.0, -3.0, 0.0])
    assert blocks[:, BLOCK_SWING].tolist() == pytest.approx([3.0, 2.0, 0.0])


def test_mark_extremes_are_those_of_the_hours_inside_the_bar_or_the_candles_own() -> None:
    hours: list[Ohlc | None] = [(100, 103, 98, 100), None, (100, 101, 97, 100), *[None] * 5, (1, 2, 0.5, 1)]
    frame = candles({"AAAUSDT": [(100, 110, 90, 100)] * 2, "BBBUSDT": [(100, 120, 80, 100)]})
    bars = arrange_bars(frame, Timeframe.H4, mark_prices=marks(hours, "AAAUSDT"))
    assert bars.lines[:, MARK_HIGH].tolist() == [103.0, 110.0, 120.0]
    assert bars.lines[:, MARK_LOW].tolist() == [97.0, 90.0, 80.0]


def test_mark_extremes_of_bars_shorter_than_an_hour_are_the_candles_own() -> None:
    frame = candles({"AAAUSDT": [(100, 110, 90, 100)] * 2}, Timeframe.M15)
    bars = arrange_bars(frame, Timeframe.M15, mark_prices=marks([FLAT], "AAAUSDT"))
    assert bars.lines[:, MARK_HIGH].tolist() == [110.0, 110.0]


@pytest.mark.parametrize(("missing", "first"), [(None, [0, 4]), (2, [-1, 3]), (4, [0, -1])])
def test_finer_bars_cover_a_bar_wholly_or_not_at_all(missing: int | None, first: list[int]) -> None:
    hours: list[Ohlc | None] = [(100.0 + i, 110.0 + i, 90.0, 100.0 + i) for i in range(8)]
    if missing is not None:
        hours[missing] = None
    frame = candles({"AAAUSDT": [FLAT] * 2, "BBBUSDT": [FLAT]})
    finer = candles({"AAAUSDT": hours}, Timeframe.H1).reverse()
    bars = arrange_bars(frame, Timeframe.H4, finer=finer, mark_prices=marks([FLAT], "AAAUSDT"))
    assert bars.finer.count == 4
    assert bars.finer.first.tolist() == [*first, -1]
    assert bars.finer.lines[:2, OPEN].tolist() == [100.0, 101.0]
    assert bars.finer.lines[:2, MARK_HIGH].tolist() == [100.0, 111.0]


@pytest.mark.parametrize("hours", [4, 3, 24])
def test_finer_bars_of_no_finer_timeframe_are_refused(hours: int) -> None:
    step = timedelta(hours=hours)
    finer = candles({"AAAUSDT": [FLAT] * 2}).with_columns(open_time=pl.Series([START, START + step]))
    with pytest.raises(BacktestError, match=f"{hours * 3_600_000} ms apart"):
        arrange_bars(candles({"AAAUSDT": [FLAT]}), Timeframe.H4, finer=finer)


def test_without_finer_bars_nothing_is_covered() -> None:
    empty = pl.DataFrame(schema=CANDLE_SCHEMA)
    bars = arrange_bars(candles({"AAAUSDT": [FLAT]}), Timeframe.H4, finer=empty)
    assert (len(bars.finer.lines), len(bars.finer.first), bars.finer.count) == (0, 0, 0)
