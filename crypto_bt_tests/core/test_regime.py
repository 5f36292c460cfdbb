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


@pytest.mark.parametrize(("index", "expected"), [(10.0, -1), (25.0, -1), (26.0, 0), (74.0, 0), (75.0, 1)])
def test_sentiment_regime_is_known_from_the_end_of_the_day_on(index: float, expected: int) -> None:
    day = BEGIN + timedelta(days=2)
    rows = compute(closes(walk(6, 30)), series=values([("fear_greed", day, index, day + timedelta(days=1))]))
    known = rows.filter(pl.col("sentiment_regime").is_not_null())
    assert known["available_at"][0] == day + timedelta(days=1)
    assert set(known["sentiment_regime"]) == {expected}


def test_funding_level_of_a_listing_or_after_a_hole_is_not_thinned_out() -> None:
    at = BEGIN + timedelta(days=10)
    young = [("NEWUSDT", at - timedelta(hours=4 * n), 0.0002) for n in range(3)]
    holed = [("OLDUSDT", at - timedelta(hours=8 * n), 0.0004) for n in (0, 1, 5, 6, 7, 8)]
    for rows in (young[:2], holed):
        level = funding_level(settlements(rows), pl.Series([at], dtype=UTC_MS)).item()
        assert level == pytest.approx(0.0004, rel=0.35)
    assert funding_level(settlements(holed), pl.Series([at], dtype=UTC_MS)).item() == pytest.approx(0.0004)


def test_hole_longer_than_a_window_leaves_nothing_known_until_it_is_filled_again() -> None:
    rows = compute(closes(walk(8, 1200)).filter(~pl.int_range(pl.len()).is_between(700, 900)))
    after = rows.filter(pl.col("open_time") >= BEGIN + STEP * 901)
    for column, least in (
        ("realized_volatility", regime.VOLATILITY_LEAST),
        ("trend_strength", regime.TREND_LEAST),
    ):
        known = after.with_row_index("bar").filter(pl.col(column).is_not_null())["bar"]
        # The first bar after a hole has no return, but a close.
        assert known[0] == (least if column == "realized_volatility" else least - 1)


def slow_oracle(price: dict[datetime, float], bar: int, volatilities: dict[int, float]) -> dict:
    """One row by its definition, one figure after the other; ``volatilities`` holds those of bars before."""
    opens = [BEGIN + STEP * n for n in range(bar + 1)]
    last = opens[-regime.VOLATILITY_BARS :]
    changes = [
        math.log(price[t] / price[t - STEP]) for t in last if t in price and t - STEP in price
    ]  # fmt: skip
    if len(changes) >= regime.VOLATILITY_LEAST:
        volatilities[bar] = round(float(np.std(changes, ddof=1)) * math.sqrt(365 * 6), 9)
    own = volatilities.get(bar)
    seen = [v for n, v in volatilities.items() if bar - regime.RANK_BARS < n <= bar]
    rank = None
    if own is not None and len(seen) >= regime.RANK_LEAST:
        rank = (sum(v < own for v in seen) + sum(v == own for v in seen) / 2) / len(seen)
    kept = [price[t] for t in opens[-regime.TREND_BARS :] if t in price]
    trend = price[opens[-1]] / float(np.mean(kept)) - 1 if len(kept) >= regime.TREND_LEAST else None
    return {
        "realized_volatility": own,
        "trend_strength": trend,
        "volatility_regime": None if rank is None else -1 if rank < 0.2 else 1 if rank > 0.8 else 0,
    }


@pytest.mark.parametrize("seed", range(2))
def test_market_regime_equals_a_slow_oracle_over_holes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    swings = np.repeat([0.01, 0.012, 0.009, 0.003, 0.03], 200)
    prices = list(100 * np.exp(np.cumsum(rng.normal(0, 1, 1000) * swings)))
    kept = rng.random(1000) > 0.01
    kept[300 : 300 + int(rng.integers(2, 30))] = False
    candles = closes(prices).filter(pl.Series(kept))
    rows = compute(candles)
    assert rows.height == candles.height
    price = dict(candles.select("open_time", "close").iter_rows())
    volatilities: dict[int, float] = {}
    for row in rows.iter_rows(named=True):
        bar = (row["open_time"] - BEGIN) // STEP
        for name, value in slow_oracle(price, bar, volatilities).items():
            assert row[name] == (value if value is None else pytest.approx(value, abs=2e-9)), (bar, name)
    assert set(rows["volatility_regime"]) == {None, -1, 0, 1}


@pytest.mark.parametrize("seed", range(3))
def test_funding_level_equals_a_plain_walk_over_changing_intervals(seed: int) -> None:
    rng = np.random.default_rng(seed)
    settled: dict[str, list[tuple[datetime, float]]] = {}
    for symbol in ("AUSDT", "BUSDT", "CUSDT", "DUSDT"):
        hour, settled[symbol] = int(rng.integers(0, 200)), []
        while hour < 1000:
            settled[symbol].append((BEGIN + timedelta(hours=hour), float(rng.normal(0, 0.0003))))
            hour += int(rng.choice([1, 4, 8, 8, 8, 8, 40, 100]))
    moments = [BEGIN + timedelta(hours=int(hour)) for hour in rng.integers(-5, 1200, 150)]
    expected = []
    for at in moments:
        means = []
        for rows in settled.values():
            rates, hours = [], []
            for place, (time, rate) in enumerate(rows):
                if at - timedelta(days=3) < time <= at:
                    since = time - rows[place - 1][0] if place else timedelta(hours=8)
                    rates.append(rate)
                    hours.append(min(8.0, since / timedelta(hours=1)))
            means += [8 * sum(rates) / sum(hours)] if rates else []
        expected.append(float(np.median(means)) if means else None)
    funding = settlements([(symbol, *row) for symbol, rows in settled.items() for row in rows])
    found = funding_level(funding, pl.Series(moments, dtype=UTC_MS)).to_list()
    assert None in expected
    assert found == [None if value is None else pytest.approx(value, abs=1e-12) for value in expected]


BARS = 700
MOMENTS = st.integers(0, BARS * 4)


@settings(max_examples=60, deadline=None)
@given(
    cut=st.integers(1, BARS - 1),
    funded=st.lists(st.tuples(st.sampled_from(["BTCUSDT", "ETHUSDT"]), MOMENTS, st.floats(-0.01, 0.01))),
    observed=st.lists(
        st.tuples(st.sampled_from([*regime.SERIES_COLUMNS.values()]), MOMENTS, st.floats(1, 99), MOMENTS)
    ),
    missing=st.sets(st.integers(0, BARS - 1), max_size=40),
    later=st.floats(0.5, 2.0),
)
def test_nothing_is_visible_before_it_is_available(
    cut: int, funded: list, observed: list, missing: set[int], later: float
) -> None:
    """Rows up to a bar's close stay when all that comes after it is changed, or is not there at all."""
    hour = timedelta(hours=1)
    candles = closes(walk(7, BARS)).filter(~pl.int_range(pl.len()).is_in(sorted(missing)))
    funding = settlements([(s, BEGIN + hour * n, r) for s, n, r in funded])
    series = values([(s, BEGIN + hour * n, v, BEGIN + hour * (n + d)) for s, n, v, d in observed])
    at = BEGIN + STEP * cut

    def upto(c: pl.DataFrame, f: pl.DataFrame, s: pl.DataFrame) -> pl.DataFrame:
        return compute(c, f, s).filter(pl.col("available_at") <= at)

    closed = pl.col("open_time") + STEP <= at
    settled, available = pl.col("funding_time") <= at, pl.col("available_at") <= at
    known = upto(candles.filter(closed), funding.filter(settled), series.filter(available))
    changed = upto(
        candles.with_columns(close=pl.when(closed).then("close").otherwise(pl.col("close") * later)),
        funding.with_columns(
            funding_rate=pl.when(settled).then("funding_rate").otherwise(pl.col("funding_rate") + later)
        ),
        series.with_columns(value=pl.when(available).then("value").otherwise(pl.col("value") * later)),
    )
    assert changed.equals(known)
    assert upto(candles, funding, series).equals(known)


def test_nothing_is_visible_property_reaches_rows_with_every_figure() -> None:
    row = compute(closes(walk(7, BARS))).row(-1, named=True)
    assert None not in (row["volatility_regime"], row["trend_regime"])


@settings(max_examples=15, deadline=None)
@given(start=st.integers(0, 140), missing=st.sets(st.integers(0, 1539), max_size=80))
def test_market_regime_does_not_depend_on_how_much_older_history_is_read(
    start: int, missing: set[int]
) -> None:
    """What a night computes of its last days equals what one run over years computes of them."""
    candles = closes(walk(9, 1540)).filter(~pl.int_range(pl.len()).is_in(sorted(missing)))
    whole = compute(candles).filter(pl.col("open_time") >= BEGIN + STEP * 1520)
    shorter = compute(candles.filter(pl.col("open_time") >= BEGIN + STEP * start))
    assert shorter.filter(pl.col("open_time") >= BEGIN + STEP * 1520).equals(whole)
