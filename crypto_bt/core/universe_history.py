"""The universe by day: what was listed, traded and liquid, as far as it was known then."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import polars as pl

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.market import Listing, Timeframe
from crypto_bt.core.schemas import ORDER_RULES, UNIVERSE_SCHEMA

VOLUME_DAYS: Final = 30
#: Daily candles that must be there, of those since the listing, for a turnover of 30 days.
VOLUME_SHARE: Final = 25 / 30
MISSING: Final = "MISSING"
_DAY: Final = timedelta(days=1)


def observed_rows(
    listings: Mapping[str, Listing],
    tickers: Mapping[str, float],
    daily: pl.DataFrame,
    stored: pl.DataFrame,
    *,
    followed: Sequence[str],
    now: datetime,
) -> pl.DataFrame:
    """What the exchange says today of every perpetual it lists, and of those it lists no more.

    The latter are the followed ones, day by day, and any other once: so that nothing counts as tradable for
    ever that has vanished. ``tickers`` gives the turnover of the last 24 hours by symbol, ``daily`` the D1
    candles of the last 30 days, ``stored`` the rows so far: from them comes the day on which a symbol was
    first seen untradable.
    """
    day = Timeframe.D1.floor(now)
    volumes = turnover(daily, [day], {item.symbol: item.onboard for item in listings.values()})
    volume = {symbol: value for symbol, _, value in volumes.iter_rows()}
    fallen = _first_untradable(stored)
    rows = []
    for symbol in sorted({*listings, *followed, *_listed_last(stored)}):
        known = listings.get(symbol)
        tradable = bool(known and known.tradable)
        delisting = known.delisting if known else None
        rows.append(
            {
                "symbol": symbol,
                "day": day,
                "onboard_time": known.onboard if known else None,
                "delisted_time": delisting or (None if tradable else fallen.get(symbol, day)),
                "status": known.status if known else MISSING,
                "tradable": tradable,
                "followed": symbol in followed,
                "observed": True,
                "quote_volume_24h": tickers.get(symbol),
                "quote_volume_30d": volume.get(symbol),
                **{name: getattr(known, name, None) for name in ORDER_RULES},
                "available_at": now,
            }
        )
    return pl.DataFrame(rows, schema=UNIVERSE_SCHEMA)


def derived_rows(
    listings: Mapping[str, Listing],
    daily: pl.DataFrame,
    stored: pl.DataFrame,
    *,
    followed: Sequence[str],
    start: datetime,
    end: datetime,
) -> pl.DataFrame:
    """Rows of the days in [``start``, ``end``) on which a followed symbol traded and none was observed.

    ``daily`` holds D1 candles from 30 days before ``start`` on. Known from the day's start, or the listing.
    """
    dataset = DATASETS["universe"]
    days = pl.col("open_time").is_between(start, end, closed="left")
    traded = daily.filter(days, pl.col("symbol").is_in(list(followed))).select("symbol", day="open_time")
    if traded.is_empty():
        return dataset.empty()
    seen = stored.filter(pl.col("observed").fill_null(value=True)).select("symbol", "day")
    onboard = {item.symbol: item.onboard for item in listings.values()}
    volumes = turnover(daily, traded["day"].unique().sort().to_list(), onboard)
    return (
        traded.join(seen, on=["symbol", "day"], how="anti")
        .join(_onboard_times(onboard), on="symbol", how="left")
        .join(volumes, on=["symbol", "day"], how="left")
        .with_columns(
            delisted_time=pl.lit(None, dtype=UNIVERSE_SCHEMA["delisted_time"]),
            status=pl.lit("TRADING"),
            tradable=pl.lit(value=True),
            followed=pl.lit(value=True),
            observed=pl.lit(value=False),
            **dict.fromkeys(("quote_volume_24h", *ORDER_RULES), pl.lit(None, dtype=pl.Float64())),
            available_at=pl.max_horizontal("day", "onboard_time"),
        )
        .select(list(UNIVERSE_SCHEMA))
        .sort(dataset.key)
    )


def turnover(
    daily: pl.DataFrame, days: Sequence[datetime], onboard: Mapping[str, datetime] | None = None
) -> pl.DataFrame:
    """Turnover of the 30 days before each of ``days``: columns symbol, day, quote_volume_30d.

    Where a candle has no quote volume, its close times its volume stands for it. Left out where fewer than
    25 of 30 daily candles are there, of those since the symbol's listing (``onboard``; where that is not
    given, its first candle in ``daily``): an old symbol of which only some days are stored has no turnover.
    """
    wanted = pl.DataFrame({"open_time": list(days)}, schema={"open_time": UNIVERSE_SCHEMA["day"]})
    first = daily.group_by("symbol").agg(first=pl.min("open_time"))
    listed = first.join(_onboard_times(onboard or {}), on="symbol", how="left").select(
        "symbol", listed=pl.coalesce("onboard_time", "first").dt.truncate("1d")
    )
    traded = daily.select(
        "symbol",
        "open_time",
        turnover=pl.coalesce("quote_volume", pl.col("close") * pl.col("volume")),
        candles=pl.lit(1.0),
    )
    # An empty row on each of the days makes a window end there; a join would hold each candle thirty times.
    ends = (
        wanted.unique()
        .join(first, how="cross")
        .select(
            "symbol", "open_time", turnover=pl.lit(None, pl.Float64()), candles=pl.lit(None, pl.Float64())
        )
    )
    summed = pl.col("turnover", "candles").rolling_sum_by(
        "open_time", timedelta(days=VOLUME_DAYS), min_samples=1, closed="left"
    )
    expected = pl.min_horizontal(
        pl.lit(VOLUME_DAYS), (pl.col("open_time") - pl.col("listed")).dt.total_days()
    )
    return (
        pl.concat([traded.with_columns(end=False), ends.with_columns(end=True)])
        .sort("symbol", "open_time")
        .with_columns(summed.over("symbol"))
        .filter("end")
        .join(listed, on="symbol")
        .filter(pl.col("candles") >= VOLUME_SHARE * expected)
        .select("symbol", day="open_time", quote_volume_30d="turnover")
        .sort("symbol", "day")
    )


def changed_rows(rows: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """The observed ``rows`` whose status is not the one last stored; their day's turnover stays."""
    latest = stored.sort("symbol", "day").group_by("symbol", maintain_order=True).last()
    before = latest.select("symbol", before="status", was="tradable")
    volumes = stored.select("symbol", "day", "quote_volume_24h")
    return (
        rows.join(before, on="symbol", how="left")
        .filter(pl.col("before").ne_missing(pl.col("status")) | pl.col("was").ne_missing(pl.col("tradable")))
        .drop("quote_volume_24h")
        .join(volumes, on=["symbol", "day"], how="left")
        .select(list(UNIVERSE_SCHEMA))
    )


def most_liquid(universe: pl.DataFrame, count: int, at: datetime) -> list[str]:
    """The ``count`` tradable symbols of the largest turnover that were known at ``at``, largest first.

    Of each symbol its latest row available then counts; of two turnovers the one of 30 days.
    """
    known = universe.filter(pl.col("available_at") <= at).sort("symbol", "day")
    latest = known.group_by("symbol", maintain_order=True).last().filter("tradable")
    size = pl.coalesce("quote_volume_30d", pl.col("quote_volume_24h") * VOLUME_DAYS)
    ranked = latest.with_columns(size=size).drop_nulls("size")
    return ranked.sort("size", "symbol", descending=[True, False]).head(count)["symbol"].to_list()


def likely_renames(
    missing: str, listings: Mapping[str, Listing], since: datetime | None, within: timedelta = 30 * _DAY
) -> list[str]:
    """Listed symbols that may be the new name of ``missing``, best guess first; only ever told, not spliced.

    The same base with or without a factor of 1000, else one that was listed about when it vanished
    (``since``).
    """
    base = _plain_base(missing)
    same = [symbol for symbol in listings if symbol != missing and _plain_base(symbol) == base]
    if same or since is None:
        return sorted(same)
    near = [item for item in listings.values() if abs(item.onboard - since) <= within]
    return [item.symbol for item in sorted(near, key=lambda item: (abs(item.onboard - since), item.symbol))]


def _plain_base(symbol: str) -> str:
    base = symbol.removesuffix("USDT").removesuffix("USDC")
    return base.removeprefix("1000000").removeprefix("1000").removeprefix("1M") or base


def _onboard_times(onboard: Mapping[str, datetime]) -> pl.DataFrame:
    columns = {"symbol": pl.String(), "onboard_time": UNIVERSE_SCHEMA["onboard_time"]}
    return pl.DataFrame(list(onboard.items()), schema=columns, orient="row")


def _listed_last(stored: pl.DataFrame) -> list[str]:
    """The symbols that the exchange listed when their last row was written."""
    latest = stored.sort("symbol", "day").group_by("symbol", maintain_order=True).last()
    return latest.filter(pl.col("status") != MISSING)["symbol"].to_list()


def _first_untradable(stored: pl.DataFrame) -> dict[str, datetime]:
    """The first day of each symbol's last stretch of rows that are not tradable."""
    rows = stored.sort("symbol", "day").with_columns(
        stretch=(pl.col("tradable") != pl.col("tradable").shift(1).over("symbol")).cum_sum().over("symbol")
    )
    last = rows.filter(pl.col("stretch").fill_null(0) == pl.col("stretch").fill_null(0).max().over("symbol"))
    first = last.group_by("symbol", maintain_order=True).first().filter(~pl.col("tradable"))
    return dict(first.select("symbol", "day").iter_rows())
