"""The past must stay what it was, and performance may only move as far as chance moves it."""

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from crypto_bt.backtest.drift import (
    SIGNALS,
    TRADES,
    Change,
    Comparison,
    Table,
    compare_nights,
    performance_drift,
)
from crypto_bt.backtest.return_matrix import Floats
from crypto_bt.core.errors import BacktestError
from crypto_bt_tests.backtest.chance import slack
from crypto_bt_tests.backtest.markets import H4, START

_STRATEGIES = ("ema_cross", "relative_momentum")
_SYMBOLS = ("AAAUSDT", "BBBUSDT")
_BARS = 60
_END = START + _BARS * H4
_CHANGED = Change(date(2025, 1, 9), "AAAUSDT", "candles_4h")


def _signals(bars: int = _BARS, **changed: float) -> pl.DataFrame:
    """Targets of both strategies and symbols; ``changed`` by strategy, of AAAUSDT at bar 30."""
    rows = [
        (strategy, symbol, START + bar * H4, float((bar // 7) % 3 - 1))
        for strategy in _STRATEGIES
        for symbol in _SYMBOLS
        for bar in range(bars)
    ]
    frame = pl.DataFrame(rows, schema=["strategy", "symbol", "open_time", "target"], orient="row")
    for strategy, target in changed.items():
        here = (
            (pl.col("strategy") == strategy)
            & (pl.col("symbol") == "AAAUSDT")
            & (pl.col("open_time") == START + 30 * H4)
        )
        frame = frame.with_columns(target=pl.when(here).then(target).otherwise("target"))
    return frame


def _trade(entry: int, end: int, reason: str = "signal", **changed: Any) -> dict[str, Any]:
    return {
        "strategy": "ema_cross",
        "symbol": "AAAUSDT",
        "side": 1,
        "entry_time": START + entry * H4,
        "exit_time": START + end * H4,
        "entry_price": 100.0,
        "exit_price": 101.0,
        "quantity": 3.0,
        "commission": 0.1,
        "slippage": 0.2,
        "funding": 0.0,
        "net_pnl": 2.7,
        "exit_reason": reason,
    } | changed


def _compared(table: Table, before: pl.DataFrame, after: pl.DataFrame, **options: Any) -> Comparison:
    chosen = {"strategies": _STRATEGIES, "symbols": _SYMBOLS, "since": START, "until": _END} | options
    return compare_nights(table, before, after, **chosen)


def _trades(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows))


def test_a_night_that_says_the_same_of_the_past_and_knows_more_days_has_not_drifted() -> None:
    assert _compared(SIGNALS, _signals(), _signals(_BARS + 6)) == Comparison(4 * _BARS, 0, 0, None, None)


def test_the_order_of_the_rows_does_not_count() -> None:
    shuffled = _signals().sample(fraction=1.0, shuffle=True, seed=1)
    assert _compared(SIGNALS, _signals(), shuffled).unexplained == 0


def test_a_changed_target_on_unchanged_data_is_named() -> None:
    found = _compared(SIGNALS, _signals(), _signals(ema_cross=0.5))
    assert (found.unexplained, found.explained) == (1, 0)
    assert str(found.first_unexplained) == (
        "ema_cross: target of AAAUSDT at 2025-01-11 00:00 in the signals was 0.0 and is now 0.5, "
        "though no data that it rests on changed."
    )


def test_a_difference_in_the_last_bit_is_a_difference() -> None:
    before, after = _trades(_trade(1, 5)), _trades(_trade(1, 5, exit_price=np.nextafter(101.0, 102.0)))
    found = _compared(TRADES, before, after).first_unexplained
    assert found is not None
    assert (found.field, found.before) == ("exit_price", 101.0)


@pytest.mark.parametrize(
    ("change", "across", "explained"),
    [
        (_CHANGED, (), True),
        (Change(date(2025, 1, 11), "AAAUSDT", "candles_4h"), (), True),
        (Change(date(2025, 1, 12), "AAAUSDT", "candles_4h"), (), False),
        (Change(date(2025, 1, 9), "BBBUSDT", "candles_4h"), (), False),
        (Change(date(2025, 1, 9), "BBBUSDT", "candles_4h"), ("relative_momentum",), True),
        (Change(date(2025, 1, 9), "BBBUSDT", "candles_4h"), ("ema_cross",), False),
        (Change(date(2025, 1, 9), "BTCUSDT", "market_regime"), (), True),
    ],
)
def test_data_changed_up_to_that_day_explains_what_rests_on_it(
    change: Change, across: tuple[str, ...], explained: bool
) -> None:
    found = _compared(SIGNALS, _signals(), _signals(relative_momentum=0.5), changes={change}, across=across)
    assert (found.explained, found.unexplained) == (int(explained), int(not explained))
    first = found.first_explained if explained else found.first_unexplained
    assert first is not None
    assert first.cause == (change if explained else None)


def test_an_explained_difference_does_not_hide_one_that_is_not() -> None:
    found = _compared(
        SIGNALS,
        _signals(),
        _signals(ema_cross=0.25, relative_momentum=0.5),
        changes=[Change(date(2025, 1, 9), "BBBUSDT", "candles_1h")],
        across=["ema_cross"],
    )
    assert (found.explained, found.unexplained) == (1, 1)
    assert found.first_unexplained is not None
    assert found.first_unexplained.strategy == "relative_momentum"
    assert str(found.first_explained).endswith("because candles_1h of BBBUSDT changed on 2025-01-09.")


def test_the_first_of_several_differences_is_the_earliest() -> None:
    after = _signals().with_columns(target=pl.lit(0.77))
    found = _compared(SIGNALS, _signals(), after)
    assert found.unexplained == 4 * _BARS
    assert found.first_unexplained is not None
    assert (found.first_unexplained.time, found.first_unexplained.symbol) == (START, "AAAUSDT")


@pytest.mark.parametrize(("before", "after"), [("there", "missing"), ("missing", "there")])
def test_a_trade_in_one_night_alone_is_a_difference(before: str, after: str) -> None:
    one, both = _trades(_trade(1, 5)), _trades(_trade(1, 5), _trade(9, 12))
    nights = (both, one) if before == "there" else (one, both)
    found = _compared(TRADES, *nights)
    assert found.unexplained == 1
    assert f"row of AAAUSDT at 2025-01-07 12:00 in the trades was {before} and is now {after}" in str(
        found.first_unexplained
    )


def test_of_a_trade_that_was_still_open_only_the_entry_must_stay() -> None:
    was_open = _trades(_trade(50, 60, "open"))
    ended = _trades(_trade(50, 70, exit_price=80.0, net_pnl=-60.0))
    assert _compared(TRADES, was_open, ended).unexplained == 0
    moved = _trades(_trade(50, 70, quantity=4.0))
    found = _compared(TRADES, was_open, moved).first_unexplained
    assert found is not None
    assert found.field == "quantity"


def test_data_changed_while_a_trade_was_held_explains_another_exit() -> None:
    before, after = _trades(_trade(1, 40)), _trades(_trade(1, 20, "stop"))
    assert _compared(TRADES, before, after, changes=[_CHANGED]).explained == 1
    late = Change(date(2025, 1, 20), "AAAUSDT", "candles_4h")
    found = _compared(TRADES, before, after, changes=[late]).first_unexplained
    assert found is not None
    assert "exit_time of AAAUSDT at 2025-01-06 04:00 in the trades was 2025-01-12 16:00" in str(found)


def test_strategies_and_symbols_of_one_night_alone_are_left_out() -> None:
    after = _signals().filter(pl.col("symbol") == "AAAUSDT")
    assert _compared(SIGNALS, _signals(), after, symbols=["AAAUSDT"]).unexplained == 0
    assert _compared(SIGNALS, _signals(), after).unexplained == 2 * _BARS
    assert _compared(SIGNALS, _signals(), after, strategies=[]).rows == 0


def test_two_rows_of_the_same_moment_are_refused() -> None:
    twice = pl.concat([_signals(), _signals().head(1)])
    with pytest.raises(BacktestError, match="signals of ema_cross hold AAAUSDT at 2025-01-06 00:00 more"):
        _compared(SIGNALS, twice, _signals())


def _normal(generator: np.random.Generator, days: int) -> Floats:
    return generator.normal(0.001, 0.02, days)


def _heavy_tailed(generator: np.random.Generator, days: int) -> Floats:
    return 0.001 + 0.02 / np.sqrt(3.0) * generator.standard_t(3, days)


def _persistent(generator: np.random.Generator, days: int) -> Floats:
    shocks = generator.normal(0.0, 0.02, days + 30)
    returns = np.zeros(days + 30)
    for day in range(1, days + 30):
        returns[day] = 0.3 * returns[day - 1] + shocks[day]
    return returns[30:] + 0.001


@pytest.mark.parametrize("market", [_normal, _heavy_tailed, _persistent])
def test_false_alarms_are_as_rare_as_stated(market: Any) -> None:
    generator, runs, rate = np.random.default_rng(21), 200, 0.05
    alarms = 0
    for seed in range(runs):
        returns = market(generator, 330)
        found = performance_drift(returns[:300], returns[300:], seed=seed, false_alarms=rate, resamples=199)
        assert found is not None
        alarms += found.drifted
    assert alarms / runs <= rate + slack(runs, rate)


def test_a_strategy_that_breaks_is_found_and_one_that_breaks_midway_by_the_cusum() -> None:
    generator, runs = np.random.default_rng(22), 60
    throughout, late, late_by_cusum = 0, 0, 0
    for seed in range(runs):
        returns = _normal(generator, 330)
        broken, ending = returns.copy(), returns.copy()
        broken[300:] -= 0.02
        ending[320:] -= 0.03
        for series in (broken, ending):
            found = performance_drift(series[:300], series[300:], seed=seed, false_alarms=0.01, resamples=399)
            assert found is not None
            assert found.recent_mean < found.earlier_mean
            if series is broken:
                throughout += found.drifted
            else:
                late += found.welch_p <= 0.005
                late_by_cusum += found.cusum_p <= 0.005
    assert throughout >= 0.9 * runs
    assert late_by_cusum > late


def test_the_statistics_are_those_of_welch_and_page_written_out() -> None:
    returns = _normal(np.random.default_rng(23), 130)
    earlier, recent = returns[:100], returns[100:]
    found = performance_drift(earlier, recent, seed=1, false_alarms=0.05, resamples=99)
    assert found is not None
    error = np.sqrt(np.var(earlier, ddof=1) / 100 + np.var(recent, ddof=1) / 30)
    assert found.welch_t == pytest.approx((recent.mean() - earlier.mean()) / error)
    up = down = highest = 0.0
    for z in (recent - earlier.mean()) / np.std(earlier, ddof=1):
        up, down = max(0.0, up + z - 0.25), max(0.0, down - z - 0.25)
        highest = max(highest, up, down)
    assert found.cusum == pytest.approx(highest)
    assert "Performance within chance" in str(found)


def test_the_same_seed_gives_the_same_result() -> None:
    returns = _heavy_tailed(np.random.default_rng(24), 200)
    assert performance_drift(returns[:170], returns[170:], seed=3) == performance_drift(
        returns[:170], returns[170:], seed=3
    )


def test_too_few_days_or_none_that_vary_give_nothing() -> None:
    returns = _normal(np.random.default_rng(25), 100)
    assert performance_drift(returns[:59], returns[59:], seed=1) is None
    assert performance_drift(returns[:91], returns[91:], seed=1) is None
    assert performance_drift(np.zeros(70), returns[70:], seed=1) is None


def test_a_rate_that_the_resamples_cannot_show_is_refused() -> None:
    returns = _normal(np.random.default_rng(26), 130)
    with pytest.raises(BacktestError, match=r"false alarm rate of 0\.001 with 1000 resamples"):
        performance_drift(returns[:100], returns[100:], seed=1, resamples=1_000)


def test_a_strategy_at_rest_lately_is_compared_like_any_other() -> None:
    returns = _normal(np.random.default_rng(27), 300)
    found = performance_drift(returns, np.zeros(30), seed=1)
    assert found is not None
    assert not found.drifted
