"""How far back a strategy truly looks, against what it declares."""

import random
from dataclasses import dataclass, field
from typing import ClassVar

import polars as pl
import pytest

from crypto_bt.backtest.warm_up_analysis import analyse_warm_up
from crypto_bt.core.errors import BacktestError
from crypto_bt.strategies import FrameStrategy, Strategy, build_strategy
from crypto_bt.strategies.kinds.callable import bar_by_bar
from crypto_bt_tests.backtest.markets import H4, START, candles, random_bars
from crypto_bt_tests.strategies.generic_market import market

_BARS = 400
_CLOSE = pl.col("close")


@dataclass(frozen=True)
class _Suspect(Strategy):
    needs: ClassVar[tuple[str, ...]] = ("funding_rate_8h", "open_interest", "vix")
    expression: pl.Expr = field(kw_only=True)
    bars: int = field(default=0, kw_only=True)

    @property
    def warm_up(self) -> int:
        return self.bars

    def target(self) -> pl.Expr:
        return self.expression


@dataclass(frozen=True)
class _Strongest(FrameStrategy):
    @property
    def warm_up(self) -> int:
        return 10

    def targets_of(self, frame: pl.DataFrame) -> pl.Series:
        strength = (_CLOSE / _CLOSE.shift(10)).over("symbol").fill_null(0.0)
        ranked = frame.select("open_time", strength=strength)
        best = pl.col("strength") == pl.col("strength").max().over("open_time")
        return ranked.select(best.cast(pl.Int8)).to_series()


def _momentum(bars: int) -> pl.Expr:
    return (_CLOSE - _CLOSE.shift(bars)).sign().over("symbol")


@pytest.mark.parametrize("declared", [0, 17, 40])
def test_a_window_needs_its_own_length_whatever_is_declared(declared: int) -> None:
    found = analyse_warm_up(_Suspect(expression=_momentum(17), bars=declared), *market(_BARS))
    assert found.needed == 17
    assert found.declared == declared
    assert found.enough == (declared >= 17)
    assert (found.differing > 0) == (declared < 17)


def test_the_evidence_is_a_target_that_the_two_histories_give() -> None:
    bars, extras = market(_BARS)
    suspect = _Suspect(expression=_momentum(17), bars=3)
    found = analyse_warm_up(suspect, bars, extras)
    last = found.last
    assert last is not None
    assert last.bars == 16
    assert f"needs a warm-up of 17 bars and declares 3: {last.symbol} at " in str(found)
    own = bars.filter(symbol=last.symbol).sort("open_time")
    place = own["open_time"].to_list().index(last.open_time)
    assert (own["close"][place] - own["close"][place - 17] > 0) == (last.full > 0)
    assert last.short == 0.0


def test_an_average_that_forgets_exponentially_is_found_to_look_further_back_than_its_span() -> None:
    slow = _CLOSE.ewm_mean(span=20, adjust=False).over("symbol")
    bars, extras = market(_BARS)
    short = analyse_warm_up(_Suspect(expression=(_CLOSE - slow).sign(), bars=20), bars, extras, starts=12)
    assert short.needed > 20
    long = analyse_warm_up(_Suspect(expression=(_CLOSE - slow).sign(), bars=400), bars, extras, starts=12)
    assert long.enough
    assert long.needed == short.needed
    assert "settles within" in str(long)


def test_an_extreme_since_the_beginning_never_settles() -> None:
    above = (_CLOSE / _CLOSE.cum_max().over("symbol") > 0.9).cast(pl.Int8)
    found = analyse_warm_up(_Suspect(expression=above, bars=50), *market(_BARS))
    assert not found.enough
    assert found.needed > 200


def test_a_position_held_until_something_ends_it_is_counted_apart() -> None:
    moved = _CLOSE / _CLOSE.shift(1) - 1.0
    entered = pl.when(moved > 0.05).then(1).when(moved < -0.05).then(-1)
    held = analyse_warm_up(_Suspect(expression=entered.forward_fill().over("symbol"), bars=1), *market(_BARS))
    assert not held.enough
    assert 0 < held.carried == held.differing
    window = analyse_warm_up(_Suspect(expression=_momentum(17), bars=1), *market(_BARS))
    assert window.carried < window.differing


@pytest.mark.parametrize(
    "expression",
    [
        (_CLOSE - _CLOSE.mean().over("open_time")).sign(),
        pl.col("funding_rate_8h").sign(),
        (pl.col("open_interest") - 5.0).sign(),
        pl.col("vix").sign(),
        pl.lit(1),
    ],
    ids=["across_symbols", "funding", "open_interest", "vix", "constant"],
)
def test_what_is_known_at_the_bar_itself_needs_no_history(expression: pl.Expr) -> None:
    found = analyse_warm_up(_Suspect(expression=expression), *market(_BARS))
    assert found.needed == 0
    assert found.last is None
    assert found.compared > 1_000


def test_a_window_over_a_need_counts_bars_like_any_other() -> None:
    smooth = pl.col("funding_rate_8h").rolling_sum(9).over("symbol").sign()
    found = analyse_warm_up(_Suspect(expression=smooth, bars=8), *market(_BARS))
    assert found.needed == 8


def test_a_symbol_that_rests_does_not_make_those_compared_with_it_look_further_back() -> None:
    rng = random.Random(4)
    rows = {symbol: random_bars(rng, 300, start=100.0) for symbol in ("AAAUSDT", "BBBUSDT", "CCCUSDT")}
    rows["BBBUSDT"][40:150] = [None] * 110
    bars = candles(rows)
    assert bars.height == 790
    found = analyse_warm_up(_Strongest(), bars, starts=20)
    assert found.needed == 10
    assert found.enough


def test_a_symbol_listed_after_the_start_is_the_same_in_both_histories() -> None:
    rng = random.Random(5)
    rows = {"AAAUSDT": random_bars(rng, 200), "BBBUSDT": [None] * 150 + random_bars(rng, 50)}
    found = analyse_warm_up(_Suspect(expression=_momentum(6), bars=6), candles(rows), starts=4)
    assert found.needed == 6


def test_a_strategy_called_bar_by_bar_needs_its_lookback() -> None:
    @bar_by_bar(lookback=12)
    def above_average(frame: pl.DataFrame) -> float:
        return 1.0 if frame["close"][-1] > frame["close"].mean() else -1.0

    found = analyse_warm_up(above_average(), *market(120), starts=3)
    assert found.needed == 11
    assert found.enough


@pytest.mark.parametrize("name", ["buy_and_hold", "time_series_momentum"])
def test_strategies_of_plain_windows_settle_within_what_they_declare(name: str) -> None:
    found = analyse_warm_up(build_strategy(name, {}), *market(900))
    assert found.enough
    assert found.strategy == name


def test_a_strategy_that_fails_on_a_later_start_is_named() -> None:
    def demand(frame: pl.Series) -> pl.Series:
        if len(frame) < 300:
            raise ValueError("too short")
        return frame * 0.0

    with pytest.raises(BacktestError, match="failed on a history that begins later"):
        analyse_warm_up(
            _Suspect(expression=_CLOSE.map_batches(demand, return_dtype=pl.Float64)), *market(150)
        )


def test_a_target_that_is_none_is_an_error_as_everywhere() -> None:
    with pytest.raises(BacktestError, match=r"gives the target 3\.0"):
        analyse_warm_up(_Suspect(expression=pl.lit(3.0)), *market(20))


def test_without_a_later_start_or_bars_there_is_nothing_to_try() -> None:
    bars, extras = market(20)
    with pytest.raises(BacktestError, match="0 later starts within 20 bars"):
        analyse_warm_up(_Suspect(expression=_momentum(1)), bars, extras, starts=0)
    with pytest.raises(BacktestError, match="within 1 bars"):
        analyse_warm_up(_Suspect(expression=_momentum(1)), bars.filter(open_time=START), extras)
    assert analyse_warm_up(
        _Suspect(expression=_momentum(1)), bars.filter(pl.col("open_time") < START + 2 * H4)
    )
