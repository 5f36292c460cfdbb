"""Exit plans: plain numbers, told in words, refused out of range."""

from dataclasses import fields

import pytest

from crypto_bt.core.errors import BacktestError
from crypto_bt.strategies import ExitPlan, build_strategy, strategy_classes
from crypto_bt.strategies.exits import REVERSION_EXITS, TREND_EXITS


def test_exit_plan_says_what_it_has() -> None:
    assert str(ExitPlan()) == "the signal alone"
    assert str(ExitPlan(stop_loss=0.08, time_stop=42)) == "stop_loss 0.08, time_stop 42"
    assert ExitPlan(trail_by_atr=3.0).given == {"trail_by_atr": 3.0}


@pytest.mark.parametrize("plan", [*TREND_EXITS, *REVERSION_EXITS], ids=str)
def test_exit_plan_needs_the_average_true_range_where_it_names_one(plan: ExitPlan) -> None:
    assert plan.needs_atr == ("_atr" in str(plan))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stop_loss": -0.1}, r"stop_loss is -0\.1\. It must be 0 or more and below 1"),
        ({"take_profit": 1.0}, r"take_profit is 1\.0"),
        ({"stop_loss": float("nan")}, "stop_loss is nan"),
        ({"trail_by_atr": 101.0}, r"trail_by_atr is 101\.0\. It must be 0 or more and at most 100"),
        ({"time_stop": 0}, "time_stop is 0. It must be 1 bar or more, or null"),
    ],
)
def test_exit_plan_out_of_range_is_refused(values: dict[str, float], message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        ExitPlan(**values)  # type: ignore[arg-type]


def test_exit_grid_begins_with_the_strategy_s_own_exits() -> None:
    assert type(build_strategy("rsi_reversion")).exit_grid()[0] == ExitPlan(stop_loss=0.06, take_profit=0.08)
    assert type(build_strategy("ema_cross")).exit_grid()[0] == ExitPlan()


def test_ten_strategies_have_ten_signal_sets_by_ten_exits_and_the_benchmark_has_one() -> None:
    sets = {name: (len(cls.grid()), len(cls.exit_grid())) for name, cls in strategy_classes().items()}
    assert sets.pop("buy_and_hold") == (1, 1)
    assert {name for name, size in sets.items() if size == (10, 10)} >= {
        "bitcoin_spread", "donchian_breakout", "ema_cross", "funding_carry", "regime_trend",
        "relative_momentum", "rsi_reversion", "short_term_reversal", "squeeze_breakout",
        "time_series_momentum",
    }  # fmt: skip


def test_every_distance_of_a_plan_comes_as_a_fraction_and_in_average_true_ranges() -> None:
    names = {field.name for field in fields(ExitPlan)}
    plain = names - {"break_even_offset", "scale_out_share", "time_stop"}
    assert {name for name in plain if not name.endswith("_atr")} == {
        name.removesuffix("_atr") for name in plain if name.endswith("_atr")
    }
