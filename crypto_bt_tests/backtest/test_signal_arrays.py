"""Tables of targets as the kernel's arrays: alignment, levels, coarser targets, and what is refused."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from crypto_bt.backtest.signal_arrays import followed_rows, place, signals_of, stacked
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.by_hand import BTC, FLAT, Given, wishes
from crypto_bt_tests.backtest.markets import candles, wanted

H4, H1 = Timeframe.H4, Timeframe.H1
THREE = candles({BTC: [FLAT] * 3})


def test_targets_are_aligned_by_key_and_absent_is_flat() -> None:
    bars = candles({"AAAUSDT": [FLAT] * 3, "BBBUSDT": [FLAT] * 2})
    given = wanted({"BBBUSDT": [-1, 1]}).reverse()
    signals = signals_of(bars, given, H4)
    assert signals.targets.dtype == np.int8
    assert signals.targets.tolist() == [[0, 0, 0, -100, 100]]


def test_targets_are_hundredths_rounded_half_to_even_and_null_is_flat() -> None:
    bars = candles({BTC: [FLAT] * 6})
    given = wishes([0.005, 0.015, -0.37, 1.0, 0.0, 0.999])
    given = given.with_columns(target=pl.when(pl.col("target") != 0.0).then("target"))
    assert signals_of(bars, given, H4).targets.tolist() == [[0, 2, -37, 100, 0, 100]]


def test_targets_outside_all_bars_and_in_a_gap_are_not_seen() -> None:
    bars = candles({BTC: [None, FLAT, None, FLAT]})
    assert signals_of(bars, wishes([1.0, 0.5, -1.0, 0.25, 1.0]), H4).targets.tolist() == [[50, 25]]


def test_two_targets_for_one_bar_are_refused() -> None:
    given = wanted({"AAAUSDT": [1]})
    with pytest.raises(BacktestError, match="AAAUSDT has two targets at 2025-01-06 00:00"):
        signals_of(candles({"AAAUSDT": [FLAT]}), pl.concat([given, given]), H4)


@pytest.mark.parametrize("value", [2.0, -1.01, float("nan"), float("inf")])
def test_a_target_beyond_one_is_refused(value: float) -> None:
    with pytest.raises(BacktestError, match="not from -1 to 1"):
        signals_of(THREE, wishes([0.0, value]), H4)


@pytest.mark.parametrize("name", ["stop_price", "target_price", "atr"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_a_level_that_is_not_a_positive_number_is_refused(name: str, value: float) -> None:
    with pytest.raises(BacktestError, match=f"BTCUSDT has the {name} {value} at 2025-01-06 04:00"):
        signals_of(THREE, wishes([0.0, 1.0], {name: [None, value]}), H4)


def test_levels_lie_beside_their_targets_and_absent_is_nan() -> None:
    given: Given = {"stop_price": [None, 95.0], "atr": [1.5, None]}
    signals = signals_of(THREE, wishes([1.0, 1.0], given), H4)
    np.testing.assert_array_equal(signals.stop_prices, [[np.nan, 95.0, np.nan]])
    np.testing.assert_array_equal(signals.target_prices, [[np.nan] * 3])
    np.testing.assert_array_equal(signals.atr, [[1.5, np.nan, np.nan]])


def test_without_any_level_the_arrays_are_empty() -> None:
    plain = signals_of(THREE, wishes([1.0, 1.0], {"stop_price": [None, None]}), H4)
    assert [len(plain.stop_prices), len(plain.target_prices), len(plain.atr)] == [0, 0, 0]


def test_a_coarser_target_counts_from_its_bars_close_for_one_step() -> None:
    bars = candles({BTC: [FLAT] * 17}, H1)
    given = wishes([0.25, None, 0.75])
    expected = [0] * 3 + [25] * 4 + [0] * 4 + [75] * 4 + [0] * 2
    assert signals_of(bars, given, H1, H4).targets.tolist() == [expected]
    assert signals_of(bars, given.reverse(), H1, H4).targets.tolist() == [expected]


def test_each_symbol_follows_its_own_coarser_targets() -> None:
    bars = candles({"AAAUSDT": [FLAT] * 4, "BBBUSDT": [FLAT] * 4}, H1)
    given = wanted({"BBBUSDT": [-1], "AAAUSDT": [1]})
    assert signals_of(bars, given, H1, H4).targets.tolist() == [[0, 0, 0, 100, 0, 0, 0, -100]]


def test_levels_of_a_coarser_target_go_with_it() -> None:
    bars = candles({BTC: [FLAT] * 5}, H1)
    signals = signals_of(bars, wishes([1.0], {"target_price": [110.0]}), H1, H4)
    np.testing.assert_array_equal(signals.target_prices, [[np.nan] * 3 + [110.0] * 2])


def test_targets_of_a_finer_timeframe_are_refused() -> None:
    with pytest.raises(BacktestError, match="Targets of 1h bars cannot be traded on 4h bars"):
        signals_of(THREE, wishes([1.0], timeframe=H1), H4, H1)


def test_followed_rows_are_those_of_the_table_as_it_is_given() -> None:
    given = wishes([1.0, 1.0, 1.0]).reverse()
    assert followed_rows(THREE, given, H4, H4).tolist() == [2, 1, 0]
    late = given.with_columns(pl.col("open_time") + timedelta(days=9))
    assert followed_rows(THREE, late, H4, H4).tolist() == [-1, -1, -1]


def test_place_puts_the_absent_value_where_no_row_is_followed() -> None:
    assert place(np.array([5, 6], np.int8), np.array([1, -1, 0]), 0).tolist() == [6, 0, 5]


def test_stacked_sets_keep_their_order_and_their_levels() -> None:
    one = signals_of(THREE, wishes([1.0], {"stop_price": [90.0]}), H4)
    two = signals_of(THREE, wishes([-1.0], {"stop_price": [110.0]}), H4)
    both = stacked([one, two])
    assert both.targets.tolist() == [[100, 0, 0], [-100, 0, 0]]
    assert both.stop_prices[:, 0].tolist() == [90.0, 110.0]
    assert len(both.atr) == 0
