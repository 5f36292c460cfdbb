"""The checks of the other feeds: each can pass and fail, and names value, limit and command."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from crypto_bt.core import feed_quality
from crypto_bt.core.datasets import DATASETS, POSITIONING_DATASETS
from crypto_bt.core.feed_quality import AGE_LIMITS
from crypto_bt.core.market import Listing
from crypto_bt.core.universe import check_universe
from crypto_bt.core.verdict import Severity
from crypto_bt_tests.frames import candle_frame

NOW = datetime(2026, 3, 10, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
BY_SYMBOL = ("funding_rates", "mark_price_1h", "universe", "market_regime", *POSITIONING_DATASETS)


@pytest.mark.parametrize("dataset", BY_SYMBOL)
def test_feed_age_warns_above_its_first_limit_and_fails_above_its_second(dataset: str) -> None:
    warning, limit = AGE_LIMITS[dataset]

    def at(age: timedelta) -> feed_quality.Verdict:
        return feed_quality.feed_age(dataset, {"BTCUSDT": NOW - age, "OLDUSDT": NOW - 9 * limit}, NOW)

    assert at(warning).passed
    late = at(warning + HOUR)
    assert (late.passed, late.severity) == (False, Severity.WARN)
    old = at(limit + HOUR)
    assert old.severity is Severity.ERROR
    assert f"crypto-bt data repair --timeframes {dataset} --start" in old.text
    assert [row["symbol"] for row in old.table] == ["OLDUSDT", "BTCUSDT"], "the oldest first"


def test_feed_age_of_nothing_fails_with_the_command_that_loads_it() -> None:
    verdict = feed_quality.feed_age("open_interest", {}, NOW)
    assert not verdict.passed
    assert "crypto-bt data backfill --timeframes open_interest" in verdict.text


def test_series_age_judges_each_series_by_its_own_limit() -> None:
    newest = {"VIXCLS": NOW - timedelta(days=4), "CPIAUCSL": NOW - timedelta(days=70)}
    assert feed_quality.series_age("macro_series", newest, NOW).passed
    newest["VIXCLS"] = NOW - timedelta(days=7)
    verdict = feed_quality.series_age("macro_series", newest, NOW)
    assert (verdict.passed, verdict.severity) == (False, Severity.WARN)
    assert "VIXCLS of 2026-03-03, 7.0 d ago, limit 6.0 d" in verdict.text
    assert "CPIAUCSL" not in verdict.what
    newest["CPIAUCSL"] = NOW - timedelta(days=120)
    assert feed_quality.series_age("macro_series", newest, NOW).severity is Severity.ERROR


def taker(bought: float) -> pl.DataFrame:
    """One hour of takers' volume."""
    row = ("BTCUSDT", NOW - 2 * HOUR, bought, 1.0, bought, NOW - HOUR)
    return pl.DataFrame([row], schema=DATASETS["taker_volume"].schema, orient="row")


def test_taker_agreement_compares_with_the_candle_of_the_hour() -> None:
    hourly = candle_frame([NOW - 2 * HOUR, NOW - HOUR]).with_columns(taker_buy_volume=pl.lit(100.0))
    assert feed_quality.taker_agreement(taker(100.5), hourly).passed
    verdict = feed_quality.taker_agreement(taker(110.0), hourly)
    assert not verdict.passed
    assert "BTCUSDT 2026-03-09 23:00 by 9.1%" in verdict.text
    assert verdict.figures == {"compared": 1, "disagreeing": 1}


def test_taker_agreement_without_a_figure_in_the_candle_compares_nothing() -> None:
    verdict = feed_quality.taker_agreement(taker(100.0), candle_frame([NOW - 2 * HOUR]))
    assert verdict.passed
    assert verdict.figures["compared"] == 0


@pytest.mark.parametrize(("price", "passed"), [(100.4, True), (101.0, False), (None, True)])
def test_mark_agreement_compares_settlement_and_mark_candle(price: float | None, passed: bool) -> None:
    row = ("BTCUSDT", NOW - HOUR, 0.0001, price)
    funding = pl.DataFrame([row], schema=DATASETS["funding_rates"].schema, orient="row")
    marks = candle_frame([NOW - HOUR], price=100.0).select(list(DATASETS["mark_price_1h"].schema))
    assert feed_quality.mark_agreement(funding, marks).passed is passed


def test_listing_names_who_is_gone_since_when_and_a_likely_new_name() -> None:
    day = datetime(2026, 3, 5, tzinfo=UTC)
    listings = {
        "BTCUSDT": Listing("BTCUSDT", day - timedelta(days=900), True, "TRADING"),
        "OLDUSDT": Listing("OLDUSDT", day - timedelta(days=900), False, "SETTLING"),
        "POLUSDT": Listing("POLUSDT", day + timedelta(days=1), True, "TRADING"),
    }
    assert feed_quality.listing(check_universe(["BTCUSDT"], listings), listings, {}).passed
    report = check_universe(["BTCUSDT", "OLDUSDT", "MATICUSDT"], listings)
    verdict = feed_quality.listing(report, listings, {"OLDUSDT": day, "MATICUSDT": day})
    assert not verdict.passed
    assert "1 of 3 followed symbols are traded" in verdict.text
    assert "OLDUSDT is not traded since 2026-03-05, its history stays" in verdict.text
    assert "MATICUSDT is not listed since 2026-03-05; renamed? POLUSDT may be its new name" in verdict.text
    assert "crypto-bt universe remove OLDUSDT MATICUSDT" in verdict.text
