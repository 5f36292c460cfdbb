"""The market's regime at each H4 close: what a strategy may know of the whole market, and no more.

One row for each closed H4 bar of a benchmark symbol. Everything in it was available at that bar's close:
candles up to and including it, settlements up to it, and each series as of ``available_at``.
"""

import math
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from crypto_bt.core.as_known import as_known
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import REGIME_SCHEMA, UTC_MS

#: Volatility: standard deviation of 30 days of H4 log returns, ranked among 180 days of itself.
VOLATILITY_BARS: Final = 180
#: Returns that must be there; the bars around a gap have none.
VOLATILITY_LEAST: Final = 171
RANK_BARS: Final = 1080
RANK_LEAST: Final = 360
CALM_RANK, WILD_RANK = 0.2, 0.8
BARS_A_YEAR: Final = 365 * 6
#: Trend: the close against its mean over 50 days; a band of 2 % around it is no trend.
TREND_BARS: Final = 300
TREND_LEAST: Final = 285
TREND_BAND: Final = 0.02
#: Funding: median over symbols of the last 3 days, for 8 hours. 0.01 % is the exchange's neutral rate.
FUNDING_SPAN: Final = timedelta(days=3)
FUNDING_INTERVAL: Final = timedelta(hours=8)
FUNDING_DEAR: Final = 0.0003
#: Index values up to (from) which the crowd counts as afraid (greedy): the lowest and highest quarter.
FEAR, GREED = 25.0, 75.0
ROUNDED: Final = 9
_HOUR: Final = timedelta(hours=1)
#: Columns that are a series as it was known.
SERIES_COLUMNS: Final = {
    "fear_greed": "fear_greed",
    "vix": "VIXCLS",
    "dollar_index": "DTWEXBGS",
    "rate_10y": "DGS10",
    "btc_dominance": "btc_dominance",
    "stablecoin_supply": "stablecoin_supply",
}


def market_regime(
    candles_4h: pl.DataFrame,
    funding: pl.DataFrame,
    series: pl.DataFrame,
    *,
    benchmark: str,
    start: datetime,
    end: datetime,
) -> pl.DataFrame:
    """Regime rows of the bars of ``benchmark`` that open in [``start``, ``end``).

    ``candles_4h`` should reach 230 days back, ``funding`` (all symbols) four; ``series`` holds the rows of
    all series together. What is not known is null, and so is a regime that rests on it.
    """
    own = candles_4h.filter(pl.col("symbol") == benchmark).sort("open_time")
    asked = pl.col("open_time").is_between(start, end, closed="left")
    if own.filter(asked).is_empty():
        return DATASETS["market_regime"].empty()
    bars = _bars(own.select("symbol", "open_time", "close")).filter(asked)
    closes = bars["available_at"]
    known = {column: as_known(series, name, closes).alias(column) for column, name in SERIES_COLUMNS.items()}
    level = funding_level(funding, closes)
    return (
        bars.with_columns(level, **known)
        # Rolling sums carry rounding errors that depend on where they began; rounded they do not.
        .with_columns(pl.col(pl.Float64).round(ROUNDED))
        .with_columns(
            volatility_regime=_regime(pl.col("volatility_rank"), CALM_RANK, WILD_RANK),
            trend_regime=_regime(pl.col("trend_strength"), -TREND_BAND, TREND_BAND),
            funding_regime=_regime(pl.col("funding_level"), 0.0, FUNDING_DEAR),
            sentiment_regime=_regime(pl.col("fear_greed"), FEAR, GREED, inclusive=True),
        )
        .select(pl.col(name).cast(kind) for name, kind in REGIME_SCHEMA.items())
    )


def _bars(own: pl.DataFrame) -> pl.DataFrame:
    """Volatility, its rank, and trend at each bar of one symbol (symbol, open_time, close; sorted).

    The windows run over the grid of all open times: a missing candle is a hole in them. So they never reach
    further back than their days, and one that lacks too much is null until the hole has left it.
    """
    step = Timeframe.H4.delta
    grid = own.select(pl.datetime_range(pl.min("open_time"), pl.max("open_time"), step)).cast(UTC_MS)
    close, volatility = pl.col("close"), pl.col("realized_volatility")
    spread = pl.col("change").rolling_std(VOLATILITY_BARS, min_samples=VOLATILITY_LEAST)
    rank = volatility.rolling_rank(RANK_BARS, "average", min_samples=RANK_LEAST)
    valued = volatility.is_not_null().cast(pl.Int64).rolling_sum(RANK_BARS, min_samples=1)
    return (
        grid.join(own, on="open_time", how="left", maintain_order="left")
        .with_columns(change=close.log().diff(), available_at=pl.col("open_time") + step)
        .with_columns(
            realized_volatility=pl.when(close.is_not_null()).then(
                (spread * math.sqrt(BARS_A_YEAR)).round(ROUNDED)
            ),
            trend_strength=close / close.rolling_mean(TREND_BARS, min_samples=TREND_LEAST) - 1,
        )
        .with_columns(volatility_rank=(rank - 0.5) / valued)
        .drop_nulls("close")
    )


def funding_level(funding: pl.DataFrame, at: pl.Series) -> pl.Series:
    """Funding of the market in the three days up to each moment of ``at``, as a fraction for 8 hours.

    Of each symbol the rates it settled over the hours they are for (those since its settlement before, 8 at
    most): so intervals of 8, 4 or 1 hours weigh the same, may change, and a missing settlement counts
    neither way. Then the median over the symbols: single ones pay a hundred times the others'. Null where
    none settled.
    """
    asked = pl.DataFrame({"funding_time": at.cast(UTC_MS)})
    moments = asked.unique()
    hours = (
        pl.col("funding_time")
        .diff()
        .over("symbol")
        .clip(upper_bound=FUNDING_INTERVAL)
        .fill_null(FUNDING_INTERVAL)
        / _HOUR
    )
    paid = (
        funding.filter(
            pl.col("funding_time") > at.min() - FUNDING_SPAN - FUNDING_INTERVAL,  # type: ignore[operator]
            pl.col("funding_time") <= at.max(),
        )
        .sort("symbol", "funding_time")
        .select("symbol", "funding_time", "funding_rate", hours=hours)
    )
    # A row without a rate at each moment makes the window end there: a join over a range would hold each
    # settlement as often as it counts, which for years of 60 symbols is a gigabyte.
    ends = moments.join(paid.select("symbol").unique(), how="cross").select(
        "symbol", "funding_time", funding_rate=pl.lit(None, pl.Float64()), hours=pl.lit(None, pl.Float64())
    )
    summed = pl.col("funding_rate", "hours").rolling_sum_by(
        "funding_time", FUNDING_SPAN, min_samples=1, closed="right"
    )
    levels = (
        pl.concat([paid.with_columns(end=False), ends.with_columns(end=True)])
        .sort("symbol", "funding_time")
        .with_columns(summed.over("symbol"))
        .filter("end")
        .group_by("funding_time")
        .agg(funding_level=(pl.col("funding_rate") / pl.col("hours")).median() * (FUNDING_INTERVAL / _HOUR))
    )
    return asked.join(levels, on="funding_time", how="left", maintain_order="left")["funding_level"]


def _regime(value: pl.Expr, low: float, high: float, *, inclusive: bool = False) -> pl.Expr:
    """-1 below ``low``, 1 above ``high`` (``inclusive``: at them too), 0 between; null where unknown."""
    below, above = (value <= low, value >= high) if inclusive else (value < low, value > high)
    unknown = value.is_null() | value.is_nan()
    return pl.when(unknown).then(None).when(below).then(-1).when(above).then(1).otherwise(0)
