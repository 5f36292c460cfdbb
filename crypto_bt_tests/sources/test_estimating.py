"""The price of a plan, before it is paid."""

from datetime import UTC, datetime, timedelta

import pytest

from crypto_bt.core.datasets import POSITIONING_DATASETS
from crypto_bt.core.market import STANDARD_TIMEFRAMES, Listing
from crypto_bt.sources import FetchPlan
from crypto_bt.sources.estimating import CallLimit, estimate_plan

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
SYMBOLS = tuple(f"S{number}USDT" for number in range(60))


STANDARD = tuple(timeframe.dataset for timeframe in STANDARD_TIMEFRAMES)


def cost(days, datasets=STANDARD, allowance=2400, **listing):
    listings = {
        name: Listing(name, listing.get("onboard", LONG_AGO), listing.get("tradable", True), "TRADING")
        for name in SYMBOLS
    }
    plan = FetchPlan(tuple(datasets), SYMBOLS, NOW - timedelta(days=days), NOW)
    return estimate_plan(
        plan,
        listings,
        NOW,
        weight_per_minute=allowance,
        funding=CallLimit(500, 300),
        positioning=CallLimit(200, 300),
        concurrency=8,
    )


@pytest.mark.parametrize(("days", "requests", "weight"), [(1, 180, 180), (365, 1440, 2880)])
def test_estimate_plan_of_sixty_symbols(days, requests, weight):
    estimate = cost(days)

    assert (estimate.requests, estimate.weight) == (requests + 2, weight + 2)


def test_estimate_plan_time_is_the_full_minutes_and_the_rest():
    assert 60 < cost(365).seconds < 72
    assert cost(1).seconds == pytest.approx(182 * 0.15 / 8)
    assert cost(365, allowance=480).seconds > 6 * 60


def test_estimate_plan_asks_nothing_for_what_is_not_traded_yet_or_any_more():
    assert cost(365, tradable=False).requests == 2
    assert cost(365, onboard=NOW + timedelta(days=1)).requests == 2


def test_estimate_plan_funding_has_calls_and_no_weight():
    estimate = cost(365, datasets=["funding_rates"])

    assert (estimate.requests, estimate.weight) == (2 + 60 * 3, 2)
    assert cost(365 * 4, datasets=["funding_rates"]).seconds == 300


@pytest.mark.parametrize(("days", "pages"), [(1, 1), (30, 2), (365, 2)])
def test_estimate_plan_positioning_has_calls_of_its_own_and_thirty_days_at_most(days, pages):
    estimate = cost(days, datasets=POSITIONING_DATASETS)

    assert (estimate.requests, estimate.weight) == (2 + 60 * 3 * pages, 2)
    assert (estimate.seconds >= 300) == (180 * pages > 200)
