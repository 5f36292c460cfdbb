"""Rules, contracts and inputs that cannot be are refused with the value seen."""

from collections.abc import Callable

import numpy as np
import pytest

from crypto_bt.backtest import Costs
from crypto_bt.backtest.bars import Bars, arrange_bars
from crypto_bt.backtest.contracts import Contract, Tier, contract_tiers, margin_tiers
from crypto_bt.backtest.engine import MAX_SIGNAL_SETS, Signals, run
from crypto_bt.backtest.parameters import parameter_array
from crypto_bt.backtest.rules import Distance, Exits, Rules, Sizing
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.backtest.markets import candles

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Distance(1.0), r"percent is 1\.0"),
        (lambda: Distance(-0.1), r"percent is -0\.1"),
        (lambda: Distance(NAN), "percent is nan"),
        (lambda: Distance(atr=-1.0), r"atr is -1\.0"),
        (lambda: Distance(atr=1_001.0), r"atr is 1001\.0"),
        (lambda: Distance(atr=NAN), "atr is nan"),
        (lambda: Exits(break_even_offset=1.0), r"break_even_offset is 1\.0"),
        (lambda: Exits(break_even_offset=NAN), "break_even_offset is nan"),
        (lambda: Exits(scale_out_share=0.0), r"scale_out_share is 0\.0"),
        (lambda: Exits(scale_out_share=1.0), r"scale_out_share is 1\.0"),
        (lambda: Exits(time_stop=0), "time_stop is 0"),
        (lambda: Sizing(leverage=0.0), r"leverage is 0\.0"),
        (lambda: Sizing(leverage=126.0), r"leverage is 126\.0"),
        (lambda: Sizing(leverage=NAN), "leverage is nan"),
        (lambda: Sizing(exposure=0.0), r"exposure is 0\.0"),
        (lambda: Sizing(exposure=126.0), r"exposure is 126\.0"),
        (lambda: Sizing(exposure=NAN), "exposure is nan"),
        (lambda: Sizing(risk_per_trade=0.0), r"risk_per_trade is 0\.0"),
        (lambda: Sizing(risk_per_trade=1.1), r"risk_per_trade is 1\.1"),
        (lambda: Sizing(risk_per_trade=NAN), "risk_per_trade is nan"),
    ],
)
def test_rules_impossible_value_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        make()


@pytest.mark.parametrize("name", ["taker_bps", "maker_bps", "slippage_bps"])
@pytest.mark.parametrize("bps", [-1.0, 1_001.0, NAN])
def test_costs_impossible_basis_points_are_refused(name: str, bps: float) -> None:
    with pytest.raises(BacktestError, match=f"{name} is {bps}"):
        Costs(**{name: bps})


@pytest.mark.parametrize("name", ["range_share", "impact"])
@pytest.mark.parametrize("share", [-0.1, 1.1, NAN])
def test_costs_impossible_share_is_refused(name: str, share: float) -> None:
    with pytest.raises(BacktestError, match=f"{name} is {share}"):
        Costs(**{name: share})


def test_a_distance_of_zero_is_no_rule() -> None:
    assert not Distance()
    assert Distance(0.01)
    assert Distance(atr=1.0)


@pytest.mark.parametrize(
    ("sizing", "used"),
    [(Sizing(0.5), 1.0), (Sizing(3.0), 3.0), (Sizing(3.0, 10.0), 10.0), (Sizing(3.0, 1.0), 1.0)],
)
def test_leverage_is_the_exposure_and_at_least_one_unless_it_is_given(sizing: Sizing, used: float) -> None:
    assert sizing.leverage_used == used


@pytest.mark.parametrize(
    ("exits", "needs"),
    [
        (Exits(stop_loss=Distance(0.01)), False),
        (Exits(stop_loss=Distance(0.01, 1.0)), True),
        (Exits(trail_after=Distance(atr=1.0)), False),
        (Exits(trail_after=Distance(atr=1.0), trail_by=Distance(0.01)), True),
        (Exits(trail_by=Distance(atr=1.0)), True),
        (Exits(scale_out_at=Distance(atr=1.0)), True),
        (Exits(break_even_after=Distance(atr=1.0)), True),
        (Exits(take_profit=Distance(atr=1.0)), True),
    ],
)
def test_exits_in_force_say_whether_they_need_an_atr(exits: Exits, needs: bool) -> None:
    assert exits.needs_atr is needs


FIRST = Tier(0.0, 1_000.0, 0.01, 50.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Contract(tick=-0.1), r"tick of a contract is -0\.1"),
        (lambda: Contract(lot=NAN), "lot of a contract is nan"),
        (lambda: Contract(min_notional=INF), "min_notional of a contract is inf"),
        (lambda: Contract(tiers=(Tier(1.0, 2.0, 0.1, 5.0),)), "does not follow"),
        (lambda: Contract(tiers=(FIRST, Tier(2_000.0, 3_000.0, 0.05, 5.0))), "does not follow"),
        (lambda: Contract(tiers=(FIRST, Tier(1_000.0, 3_000.0, 0.005, 5.0))), "does not follow"),
        (lambda: Contract(tiers=(FIRST, Tier(1_000.0, 1_000.0, 0.05, 5.0))), "does not follow"),
        (lambda: Contract(tiers=(Tier(0.0, 1_000.0, 1.0, 1.0),)), "does not follow"),
    ],
)
def test_contract_impossible_figure_or_tier_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        make()


def test_contract_amounts_make_the_maintenance_margin_continuous() -> None:
    tiers = (FIRST, Tier(1_000.0, 5_000.0, 0.05, 10.0), Tier(5_000.0, 9_000.0, 0.25, 2.0))
    assert Contract(tiers=tiers).amounts == pytest.approx((0.0, 40.0, 1_040.0))


def test_contract_largest_notional_is_the_end_of_the_last_tier_with_that_leverage() -> None:
    contract = Contract(tiers=(FIRST, Tier(1_000.0, 5_000.0, 0.05, 10.0)))
    assert [contract.largest_notional(leverage) for leverage in (10.0, 10.5, 51.0)] == [5_000.0, 1_000.0, 0.0]
    assert Contract().largest_notional(125.0) == INF


def test_contract_tiers_of_the_data_file_are_contracts_and_unknown_symbols_have_none() -> None:
    known = contract_tiers([*margin_tiers()["tiers"], "NOSUCHUSDT"])
    assert "NOSUCHUSDT" not in known
    for tiers in known.values():
        assert Contract(tiers=tiers).amounts[0] == 0.0
        assert tiers[0].max_leverage >= tiers[-1].max_leverage >= 1.0


def bars() -> Bars:
    return arrange_bars(candles({"AAAUSDT": [(1.0, 1.0, 1.0, 1.0)] * 3}), Timeframe.H4)


FLAT = np.zeros((1, 3), np.int8)
LEVELS = np.full((1, 3), np.nan)


@pytest.mark.parametrize(
    ("signals", "message"),
    [
        (Signals(np.zeros((1, 3))), "Targets are float64"),
        (Signals(np.zeros((1, 2), np.int8)), r"must be int8 of shape \(sets, 3\)"),
        (Signals(np.zeros((MAX_SIGNAL_SETS + 1, 3), np.int8)), "33 signal sets"),
        (Signals(FLAT, stop_prices=np.full((1, 2), np.nan)), r"stop_prices are \(1, 2\)"),
        (Signals(FLAT, stop_prices=np.full((2, 3), np.nan)), r"stop_prices are \(2, 3\)"),
        (Signals(FLAT, stop_prices=LEVELS), r"target_prices are \(0, 0\)"),
        (Signals(FLAT, target_prices=LEVELS), r"target_prices are \(1, 3\)"),
        (Signals(FLAT, atr=np.full((2, 3), np.nan)), r"atr are \(2, 3\)"),
    ],
)
def test_run_signals_of_another_shape_are_refused(signals: Signals, message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        run(bars(), signals, parameter_array([(0, Rules())]))


def test_run_parameter_set_of_a_missing_signal_row_is_refused() -> None:
    with pytest.raises(BacktestError, match="follows signal row 1 of 1"):
        run(bars(), Signals(FLAT), parameter_array([(1, Rules())]))


def test_run_without_capital_is_refused() -> None:
    with pytest.raises(BacktestError, match=r"capital of an account is 0\.0"):
        run(bars(), Signals(FLAT), parameter_array([(0, Rules())]), capital=0.0)


def test_run_equity_matrix_of_another_shape_is_refused() -> None:
    with pytest.raises(BacktestError, match=r"equity matrix is \(1, 3\)"):
        run(bars(), Signals(FLAT), parameter_array([(0, Rules())]), daily=np.zeros((1, 3)))
