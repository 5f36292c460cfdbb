"""Rules and inputs that cannot be are refused with the value seen."""

import numpy as np
import pytest

from crypto_bt.backtest import Costs, Rules
from crypto_bt.backtest.bars import Bars, arrange_bars
from crypto_bt.backtest.engine import MAX_SIGNAL_SETS, parameter_array, run
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.markets import candles


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"stop_loss": 0.0}, "stop_loss is 0.0"),
        ({"stop_loss": 1.0}, "stop_loss is 1.0"),
        ({"take_profit": -0.1}, "take_profit is -0.1"),
        ({"leverage": 0.0}, "leverage is 0.0"),
        ({"leverage": 126.0}, "leverage is 126.0"),
        ({"leverage": float("nan")}, "leverage is nan"),
        ({"leverage": 100.0, "costs": Costs(60.0, 50.0)}, "would cost the whole account"),
    ],
)
def test_rules_impossible_value_is_refused(keywords: dict[str, float], message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        Rules(**keywords)  # type: ignore[arg-type]


@pytest.mark.parametrize("bps", [-1.0, 1_001.0, float("nan")])
def test_costs_impossible_value_is_refused(bps: float) -> None:
    with pytest.raises(BacktestError, match=f"commission_bps is {bps}"):
        Costs(commission_bps=bps)


def bars() -> Bars:
    return arrange_bars(candles({"AAAUSDT": [(1.0, 1.0, 1.0, 1.0)] * 3}), Timeframe.H4)


@pytest.mark.parametrize(
    ("signals", "message"),
    [
        (np.zeros((1, 3)), "Signals are float64"),
        (np.zeros((1, 2), np.int8), r"must be int8 of shape \(sets, 3\)"),
        (np.zeros((MAX_SIGNAL_SETS + 1, 3), np.int8), "33 signal sets"),
    ],
)
def test_run_signals_of_another_shape_are_refused(signals: np.ndarray, message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        run(bars(), signals, parameter_array([(0, Rules())]))


def test_run_parameter_set_of_a_missing_signal_row_is_refused() -> None:
    with pytest.raises(BacktestError, match="follows signal row 1 of 1"):
        run(bars(), np.zeros((1, 3), np.int8), parameter_array([(1, Rules())]))


def test_run_without_capital_is_refused() -> None:
    with pytest.raises(BacktestError, match=r"capital of an account is 0\.0"):
        run(bars(), np.zeros((1, 3), np.int8), parameter_array([(0, Rules())]), capital=0.0)
