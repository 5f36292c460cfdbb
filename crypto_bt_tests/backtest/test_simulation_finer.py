"""Bars resolved on finer ones, and targets of a coarser timeframe (rules 6 and 21), computed by hand."""

import pytest

from crypto_bt.backtest import Costs, Rules
from crypto_bt.backtest.rules import Distance, Exits, Sizing
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.by_hand import FLAT, FREE, counts, exits, fills, run
from crypto_bt_tests.backtest.markets import H4, START, Ohlc

BOTH = exits(stop_loss=Distance(0.02), take_profit=Distance(0.03))
BAR: Ohlc = (100.0, 104.0, 97.0, 103.0)


@pytest.mark.parametrize(
    ("finer", "expected"),
    [
        ([FLAT, (100, 104, 100, 102), (102, 102, 97, 97), (97, 103, 97, 103)], (100, 103, "target")),
        ([FLAT, (100, 101, 97, 99), (99, 104, 99, 104), (104, 104, 103, 103)], (100, 98, "stop")),
        # both in one finer bar: the adverse side
        ([FLAT, FLAT, (100, 104, 97, 104), (103, 103, 103, 103)], (100, 98, "stop")),
        # an open beyond a level is the fill
        ([FLAT, FLAT, (97, 104, 97, 104), (103, 103, 103, 103)], (100, 97, "stop")),
        ([FLAT, FLAT, (104, 104, 97, 97), (97, 103, 97, 103)], (100, 104, "target")),
        # where no finer bar reaches a level, the position stays
        ([FLAT, FLAT, FLAT, (100, 102, 99, 101)], (100, 100, "open")),
    ],
)
def test_finer_bars_tell_whether_stop_or_target_came_first(
    finer: list[Ohlc | None], expected: tuple[float, float, str]
) -> None:
    result = run([FLAT, BAR, FLAT], [1] * 3, BOTH, finer=[FLAT] * 4 + finer)
    assert fills(result) == [expected]
    assert counts(result) == (0, 1, 0)
    if expected[2] != "open":
        assert result.trades["exit_time"].to_list() == [START + 2 * H4]


@pytest.mark.parametrize("missing", range(4))
def test_a_bar_that_finer_bars_do_not_cover_counts_as_the_stop(missing: int) -> None:
    hours: list[Ohlc | None] = [FLAT, (100, 104, 100, 102), (102, 102, 97, 97), (97, 103, 97, 103)]
    hours[missing] = None
    result = run([FLAT, BAR, FLAT], [1] * 3, BOTH, finer=[FLAT] * 4 + hours)
    assert fills(result) == [(100, 98, "stop")]
    assert counts(result) == (0, 0, 1)


def test_a_short_is_decided_on_finer_bars_too() -> None:
    hours: list[Ohlc | None] = [FLAT, (100, 101, 96, 97), (97, 104, 97, 103), (103, 103, 103, 103)]
    result = run([FLAT, (100, 104, 96, 103)], [-1] * 2, BOTH, finer=[FLAT] * 4 + hours)
    assert fills(result) == [(100, 97, "target")]


@pytest.mark.parametrize(
    ("finer", "expected"),
    [
        ([FLAT, (100, 111, 100, 105), (105, 105, 89, 90), (90, 100, 90, 100)], (100, 110, "target")),
        ([FLAT, (100, 101, 89, 99), (99, 111, 99, 105), (105, 105, 100, 100)], (100, 90, "liquidation")),
        ([FLAT, FLAT, (85, 111, 84, 105), (105, 105, 100, 100)], (100, 85, "liquidation")),
    ],
)
def test_finer_bars_tell_whether_liquidation_or_target_came_first(
    finer: list[Ohlc | None], expected: tuple[float, float, str]
) -> None:
    rules = Rules(FREE, Exits(take_profit=Distance(0.1)), Sizing(10.0))
    bars: list[Ohlc | None] = [FLAT, (100, 111, 84, 100), FLAT]
    resolved = run(bars, [1] * 3, rules, finer=[FLAT] * 4 + finer)
    assert fills(resolved) == [expected]
    assert counts(resolved) == (0, 1, 0)
    alone = run(bars, [1] * 3, rules)
    assert fills(alone) == [(100, 90, "liquidation")]
    assert counts(alone) == (0, 0, 1)


def test_finer_bars_fill_a_scale_out_before_the_stop() -> None:
    rules = exits(stop_loss=Distance(0.02), scale_out_at=Distance(0.03), scale_out_share=0.25)
    hours: list[Ohlc | None] = [FLAT, (100, 104, 100, 102), (102, 102, 97, 97), (97, 103, 97, 103)]
    resolved = run([FLAT, BAR], [1] * 2, rules, finer=[FLAT] * 4 + hours)
    assert fills(resolved) == [(100, 0.25 * 103 + 0.75 * 98, "stop")]
    assert fills(run([FLAT, BAR], [1] * 2, rules)) == [(100, 98, "stop")]


def test_a_stop_on_a_finer_bar_has_the_slippage_of_the_coarse_bar() -> None:
    rules = Rules(Costs(0.0, 0.0, 0.0, range_share=0.1), BOTH.exits)
    hours: list[Ohlc | None] = [FLAT, (100, 101, 97, 99), (99, 104, 99, 104), (104, 104, 103, 103)]
    result = run([FLAT, FLAT, BAR], [1] * 3, rules, finer=[FLAT] * 8 + hours)
    assert fills(result) == [(100, round(98 * (1 - 0.1 * 0.07), 9), "stop")]


def test_levels_do_not_move_within_a_bar_that_finer_bars_resolve() -> None:
    rules = exits(stop_loss=Distance(0.02), take_profit=Distance(0.04), trail_by=Distance(0.01))
    hours: list[Ohlc | None] = [FLAT, (100, 103, 100, 103), (103, 103, 98.5, 99), (99, 104, 97, 104)]
    result = run([FLAT, (100, 104, 97, 104)], [1] * 2, rules, finer=[FLAT] * 4 + hours)
    assert fills(result) == [(100, 98, "stop")]


def test_finer_candles_that_are_not_finer_are_refused() -> None:
    with pytest.raises(BacktestError, match="one finer timeframe"):
        run([FLAT] * 8, [0, 0], BOTH, finer=[FLAT] * 8, timeframe=Timeframe.H1)


def hourly(count: int) -> list[Ohlc | None]:
    """Bars whose price is 100 and the hour."""
    return [(100.0 + hour,) * 4 for hour in range(count)]


def test_a_coarser_target_is_acted_on_at_the_open_after_its_bars_close() -> None:
    result = run(hourly(12), [1, 0, 0], timeframe=Timeframe.H1)
    assert fills(result) == [(104, 108, "signal")]


def test_bars_are_flat_while_a_coarser_target_is_missing() -> None:
    result = run(hourly(20), [1, None, 1, 1, 1], timeframe=Timeframe.H1)
    assert fills(result) == [(104, 108, "signal"), (112, 119, "open")]


def test_the_last_coarser_target_counts_for_one_step() -> None:
    assert fills(run(hourly(14), [0, 1], timeframe=Timeframe.H1)) == [(108, 112, "signal")]


def test_a_gap_in_the_bars_ends_the_trade_under_an_unbroken_coarser_target() -> None:
    bars = hourly(16)
    bars[6] = None
    result = run(bars, [1, 1, 1, 0], timeframe=Timeframe.H1)
    assert fills(result) == [(104, 105, "gap"), (108, 115, "open")]


def test_coarser_levels_and_atr_go_with_their_target() -> None:
    bars = hourly(12)
    bars[9] = (109.0, 109.0, 90.0, 95.0)
    result = run(bars, [0, 1, 1], timeframe=Timeframe.H1, given={"stop_price": [50.0, 101.0, 200.0]})
    assert fills(result) == [(108, 101, "stop")]
