"""The checks of the other feeds: each can pass and fail, and names value, limit and command."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from crypto_bt.core import feed_quality
from crypto_bt.core.availability import RULES, available_at
from crypto_bt.core.datasets import DATASETS, POSITIONING_DATASETS, SERIES_DATASETS
from crypto_bt.core.feed_quality import AGE_LIMITS
from crypto_bt.core.market import Listing
from crypto_bt.core.universe import check_universe
from crypto_bt.core.us_calendar import business_day, trading_day
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
    newest = dict.fromkeys(feed_quality.EXPECTED_SERIES["macro_series"], NOW - timedelta(days=2))
    newest |= {"VIXCLS": NOW - timedelta(days=4), "CPIAUCSL": NOW - timedelta(days=70)}
    assert feed_quality.series_age("macro_series", newest, NOW).passed
    newest["VIXCLS"] = NOW - timedelta(days=8)
    verdict = feed_quality.series_age("macro_series", newest, NOW)
    assert (verdict.passed, verdict.severity) == (False, Severity.WARN)
    assert "VIXCLS of 2026-03-02, 8.0 d ago, limit 7.0 d" in verdict.text
    assert "CPIAUCSL" not in verdict.what
    newest["CPIAUCSL"] = NOW - timedelta(days=120)
    assert feed_quality.series_age("macro_series", newest, NOW).severity is Severity.ERROR


def test_series_age_of_a_series_without_limits_of_its_own_has_the_usual_ones() -> None:
    newest = {"fear_greed": NOW, "hash_rate": NOW - timedelta(days=8)}
    verdict = feed_quality.series_age("fear_greed", newest, NOW)
    assert not verdict.passed
    assert (verdict.table[0]["symbol"], verdict.figures["limit_hours"]) == ("hash_rate", 168.0)


def test_series_age_names_a_series_of_which_nothing_is_stored() -> None:
    verdict = feed_quality.series_age("btc_dominance", {"btc_dominance": NOW - HOUR}, NOW)
    assert (verdict.passed, verdict.severity) == (False, Severity.WARN)
    assert "total_market_cap, of which nothing is stored" in verdict.text
    assert [row["symbol"] for row in verdict.table] == ["total_market_cap", "btc_dominance"]


def test_every_series_that_can_be_stored_is_expected_and_has_limits() -> None:
    expected = [name for names in feed_quality.EXPECTED_SERIES.values() for name in names]
    assert sorted(expected) == sorted(RULES)
    assert set(expected) <= AGE_LIMITS.keys()
    assert set(feed_quality.EXPECTED_SERIES) == set(SERIES_DATASETS)


@pytest.mark.parametrize("series", RULES)
def test_series_age_on_time_never_warns(series: str) -> None:
    """Asked at 02:00 daily and judged just before the next time: over six years no remark."""
    days = [datetime(2022, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(6 * 365)]
    observed = days
    if series in ("VIXCLS", "SP500"):
        observed = [day for day in days if trading_day(day.date())]
    elif series in ("DGS10", "T10Y2Y", "DTWEXBGS"):
        observed = [day for day in days if business_day(day.date())]
    elif series == "CPIAUCSL":
        observed = [day for day in days if day.day == 1]
    known = [available_at(series, day) for day in observed]
    assert known == sorted(known)
    warning, _ = AGE_LIMITS[series]
    for asked in days[150:]:
        newest = observed[bisect_right(known, asked + 2 * HOUR) - 1]
        assert asked + 26 * HOUR - newest <= warning, (series, asked)


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
    verdict = feed_quality.mark_agreement(funding, marks)
    assert verdict.passed is passed
    command = "crypto-bt data repair --symbols BTCUSDT --timeframes funding_rates,mark_price_1h --start"
    assert (command in verdict.text) is not passed


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
    assert "crypto-bt universe remove --home h OLDUSDT MATICUSDT" in verdict.at_home(" --home h").text


def test_listing_names_a_few_of_many_likely_new_names() -> None:
    day = datetime(2026, 3, 5, tzinfo=UTC)
    listings = {
        f"NEW{n:02}USDT": Listing(f"NEW{n:02}USDT", day + n * timedelta(days=1), True, "TRADING")
        for n in range(20)
    }
    report = check_universe(["MATICUSDT"], listings)
    what = feed_quality.listing(report, listings, {"MATICUSDT": day}).what
    assert "renamed? NEW00USDT, NEW01USDT, NEW02USDT, NEW03USDT, NEW04USDT and 15 more may be" in what
