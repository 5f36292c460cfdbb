"""The market's regime: what each figure means, and that nothing in it is known early."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.core import regime
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.regime import funding_level, market_regime
from crypto_bt.core.schemas import REGIME_SCHEMA, UTC_MS
from crypto_bt_tests.frames import candle_frame

STEP = timedelta(hours=4)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def closes(values: list[float], symbol: str = "BTCUSDT") -> pl.DataFrame:
    """H4 candles from BEGIN on with these closes."""
    times = [BEGIN + STEP * n for n in range(len(values))]
    return candle_frame(times, symbol).with_columns(close=pl.Series(values, dtype=pl.Float64))


def settlements(rows: list[tuple[str, datetime, float]]) -> pl.DataFrame:
    """Funding rows."""
    columns = {"symbol": pl.String, "funding_time": UTC_MS, "funding_rate": pl.Float64}
    return pl.DataFrame(rows, schema=columns, orient="row")


def values(rows: list[tuple[str, datetime, float, datetime]]) -> pl.DataFrame:
    """Series rows."""
    return pl.DataFrame(rows, schema=DATASETS["macro_series"].schema, orient="row")


NO_FUNDING = settlements([])
NO_SERIES = values([])


def compute(
    candles: pl.DataFrame, funding: pl.DataFrame = NO_FUNDING, series: pl.DataFrame = NO_SERIES
) -> pl.DataFrame:
    """All rows there are."""
    end = BEGIN + timedelta(days=4000)
    return market_regime(candles, funding, series, benchmark="BTCUSDT", start=BEGIN, end=end)


def walk(seed: int, bars: int) -> list[float]:
    """A random walk of prices."""
    return list(100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, bars))))


def test_market_regime_has_the_schema_and_a_row_for_each_bar_known_at_its_close() -> None:
    rows = compute(closes(walk(1, 20)))
    assert dict(rows.schema) == REGIME_SCHEMA
    assert rows["open_time"].to_list() == [BEGIN + STEP * n for n in range(20)]
    assert (rows["available_at"] - rows["open_time"] == STEP).all()
    assert rows["volatility_regime"].null_count() == 20, "nothing is known of so short a history"


def test_market_regime_of_no_candles_is_empty() -> None:
    assert compute(closes([])).equals(DATASETS["market_regime"].empty())


def test_realized_volatility_is_the_annualised_deviation_of_thirty_days() -> None:
    prices = walk(2, 300)
    rows = compute(closes(prices))
    changes = np.diff(np.log(prices))[-regime.VOLATILITY_BARS :]
    expected = changes.std(ddof=1) * math.sqrt(365 * 6)
    assert rows["realized_volatility"][-1] == pytest.approx(expected, abs=1e-9)


def test_trend_regime_follows_the_distance_from_the_mean() -> None:
    flat, up, down = [100.0] * 320, [100.0] * 310 + [110.0] * 10, [100.0] * 310 + [90.0] * 10
    ends = [compute(closes(prices))["trend_regime"][-1] for prices in (flat, up, down)]
    assert ends == [0, 1, -1]


def test_volatility_regime_is_wild_when_returns_grow_and_calm_when_they_shrink() -> None:
    def prices(last: float) -> list[float]:
        rng = np.random.default_rng(3)
        swings = np.concatenate([rng.normal(0, 0.01, 1200), rng.normal(0, last, 200)])
        return list(100 * np.exp(np.cumsum(swings)))

    assert compute(closes(prices(0.03)))["volatility_regime"][-1] == 1
    assert compute(closes(prices(0.002)))["volatility_regime"][-1] == -1


def test_gap_makes_no_return() -> None:
    prices = walk(4, 250)
    whole = closes(prices)
    jumped = whole.with_columns(close=pl.when(pl.int_range(pl.len()) >= 200).then(pl.col("close") * 2)
                                .otherwise("close"))  # fmt: skip
    holed = jumped.filter(pl.int_range(pl.len()) != 199)
    spread = [compute(frame)["realized_volatility"][-1] for frame in (whole, holed, jumped)]
    assert spread[1] == pytest.approx(spread[0], rel=0.05)
    assert spread[2] > 2 * spread[0]


@pytest.mark.parametrize(("hours", "rate"), [(8, 0.0004), (4, 0.0002), (1, 0.00005)])
def test_funding_level_weighs_every_interval_alike(hours: int, rate: float) -> None:
    at = BEGIN + timedelta(days=10)
    rows = [("BTCUSDT", at - timedelta(hours=hours * n), rate) for n in range(20 * 24 // hours)]
    level = funding_level(settlements(rows), pl.Series([at], dtype=UTC_MS))
    assert level.item() == pytest.approx(0.0004)


def test_funding_level_is_the_median_so_that_one_symbol_does_not_decide() -> None:
    at = BEGIN + timedelta(days=10)
    rows = [
        (symbol, at - timedelta(hours=8 * n), rate)
        for symbol, rate in (("AUSDT", 0.0001), ("BUSDT", 0.0002), ("CUSDT", -0.02))
        for n in range(20)
    ]
    assert funding_level(settlements(rows), pl.Series([at], dtype=UTC_MS)).item() == pytest.approx(0.0001)


@pytest.mark.parametrize(("rate", "expected"), [(0.0005, 1), (0.0001, 0), (-0.0001, -1)])
def test_funding_regime_says_who_pays(rate: float, expected: int) -> None:
    rows = [("BTCUSDT", BEGIN + timedelta(hours=8 * n), rate) for n in range(30)]
    assert compute(closes(walk(5, 40)), settlements(rows))["funding_regime"][-1] == expected


@pytest.mark.parametrize(("index", "expected"), [(10.0, -1), (50.0, 0), (90.0, 1)])
def test_sentiment_regime_is_known_from_the_end_of_the_day_on(index: float, expected: int) -> None:
    day = BEGIN + timedelta(days=2)
    rows = compute(closes(walk(6, 30)), series=values([("fear_greed", day, index, day + timedelta(days=1))]))
    known = rows.filter(pl.col("sentiment_regime").is_not_null())
    assert known["available_at"][0] == day + timedelta(days=1)
    assert set(known["sentiment_regime"]) == {expected}


MOMENTS = st.integers(0, 50 * 24)


@settings(max_examples=60, deadline=None)
@given(
    cut=st.integers(1, 59),
    funded=st.lists(st.tuples(st.sampled_from(["BTCUSDT", "ETHUSDT"]), MOMENTS, st.floats(-0.01, 0.01))),
    observed=st.lists(
        st.tuples(st.sampled_from([*regime.SERIES_COLUMNS.values()]), MOMENTS, st.floats(1, 99), MOMENTS)
    ),
    later=st.floats(0.5, 2.0),
)
def test_nothing_is_visible_before_it_is_available(
    cut: int, funded: list, observed: list, later: float
) -> None:
    """Rows up to a bar's close do not change when everything after that close does."""
    hour = timedelta(hours=1)
    candles = closes(walk(7, 60))
    funding = settlements([(s, BEGIN + hour * n, r) for s, n, r in funded])
    series = values([(s, BEGIN + hour * n, v, BEGIN + hour * (n + d)) for s, n, v, d in observed])
    at = BEGIN + STEP * cut

    def upto(c: pl.DataFrame, f: pl.DataFrame, s: pl.DataFrame) -> pl.DataFrame:
        return compute(c, f, s).filter(pl.col("available_at") <= at)

    changed = candles.with_columns(
        close=pl.when(pl.col("open_time") + STEP > at).then(pl.col("close") * later).otherwise("close")
    )
    fewer = funding.filter(pl.col("funding_time") <= at)
    unknown = series.filter(pl.col("available_at") <= at)
    assert upto(candles, funding, series).equals(upto(changed, fewer, unknown))
