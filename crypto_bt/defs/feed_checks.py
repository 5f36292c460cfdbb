"""Asset checks on the feeds that are no candles: each reports, none blocks."""

from datetime import datetime, timedelta
from functools import partial
from typing import Final

import dagster as dg
import polars as pl

from crypto_bt.core import feed_quality
from crypto_bt.core.datasets import DATASETS, POSITIONING_DATASETS, SERIES_DATASETS
from crypto_bt.core.market import Listing
from crypto_bt.core.universe import check_universe
from crypto_bt.core.universe_history import MISSING
from crypto_bt.core.verdict import Verdict
from crypto_bt.defs.check_results import Decision, build_check
from crypto_bt.defs.resources import Desk

BY_SYMBOL: Final = ("funding_rates", "mark_price_1h", "universe", *POSITIONING_DATASETS, "market_regime")


def _newest(desk: Desk, dataset: str, snapshot: str, now: datetime) -> dict[str, datetime]:
    shape = DATASETS[dataset]
    recent = None if dataset in SERIES_DATASETS else now - timedelta(days=400)
    rows = desk.store.read(dataset, start=recent, columns=[shape.entity, shape.time], at=snapshot)
    if dataset in BY_SYMBOL and dataset != "market_regime":
        rows = rows.filter(pl.col("symbol").is_in(list(desk.settings.SYMBOLS)))
    return dict(rows.group_by(shape.entity).agg(pl.max(shape.time)).iter_rows())


def _feed_age(dataset: str, desk: Desk, snapshot: str, now: datetime) -> Verdict:
    return feed_quality.feed_age(dataset, _newest(desk, dataset, snapshot, now), now)


def _series_age(dataset: str, desk: Desk, snapshot: str, now: datetime) -> Verdict:
    return feed_quality.series_age(dataset, _newest(desk, dataset, snapshot, now), now)


def _taker_agreement(desk: Desk, snapshot: str, now: datetime) -> Verdict:
    since = now - desk.lookback
    taker = desk.store.read("taker_volume", start=since, at=snapshot)
    return feed_quality.taker_agreement(taker, desk.store.read("candles_1h", start=since, at=snapshot))


def _mark_agreement(desk: Desk, snapshot: str, now: datetime) -> Verdict:
    since = now - desk.lookback
    funding = desk.store.read("funding_rates", start=since, at=snapshot)
    return feed_quality.mark_agreement(funding, desk.store.read("mark_price_1h", start=since, at=snapshot))


def _listing(desk: Desk, snapshot: str, now: datetime) -> Verdict:
    rows = desk.store.read("universe", at=snapshot).filter(pl.col("available_at") <= now)
    latest = rows.sort("symbol", "day").group_by("symbol", maintain_order=True).last()
    listings = {
        row["symbol"]: Listing(row["symbol"], row["onboard_time"], row["tradable"], row["status"])
        for row in latest.filter(pl.col("status") != MISSING).iter_rows(named=True)
    }
    gone = latest.filter(~pl.col("tradable")).select("symbol", "delisted_time").drop_nulls()
    followed = [symbol for symbol in desk.settings.SYMBOLS if symbol in latest["symbol"]]
    return feed_quality.listing(check_universe(followed, listings), listings, dict(gone.iter_rows()))


#: What decides on the age of each feed.
AGE_CHECKS: Final[dict[str, Decision]] = {
    **{name: partial(_feed_age, name) for name in BY_SYMBOL},
    **{name: partial(_series_age, name) for name in SERIES_DATASETS},
}


def build_feed_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of all feeds: age of each, agreement where two give one figure, and who is still listed."""
    ages = [
        build_check(
            name,
            "data_age",
            decide,
            blocking=False,
            about="The newest row of the feed, or of each of its series, is younger than its limit.",
        )
        for name, decide in AGE_CHECKS.items()
    ]
    return [
        *ages,
        build_check(
            "taker_volume",
            "source_agreement",
            _taker_agreement,
            blocking=False,
            about="What takers bought in an hour is what the hour's candle says.",
        ),
        build_check(
            "funding_rates",
            "source_agreement",
            _mark_agreement,
            blocking=False,
            about="The mark price of a settlement is that of the mark price candle.",
        ),
        build_check(
            "universe",
            "listing",
            _listing,
            blocking=False,
            about="Every followed symbol is still traded; a likely new name is told, never spliced.",
        ),
    ]
