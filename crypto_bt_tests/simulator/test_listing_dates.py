"""Symbols that begin or end at a given moment."""

from datetime import UTC, datetime, timedelta

import pytest

from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.simulator.listings import listing_of
from crypto_bt.simulator.market import Window
from crypto_bt.simulator.serving import running
from crypto_bt_tests.simulator.calls import NOW, get, market_at

ALL = Window(0, None, 1_000_000)
BEGINS = datetime(2026, 3, 2, 13, 30, tzinfo=UTC)
ENDS = datetime(2026, 3, 9, 9, tzinfo=UTC)
ON_THE_HOUR = to_milliseconds(datetime(2026, 3, 2, 14, tzinfo=UTC))


def brief(now=NOW):
    return market_at(now, onboard={"SUIUSDT": BEGINS}, delisted={"SUIUSDT": ENDS})


@pytest.mark.parametrize(
    ("now", "status"),
    [
        (BEGINS - timedelta(minutes=1), "PENDING_TRADING"),
        (BEGINS, "TRADING"),
        (ENDS - timedelta(minutes=1), "TRADING"),
        (ENDS, "SETTLING"),
    ],
)
def test_exchange_info_states_onboard_delivery_and_status(now, status):
    with running(brief(now)) as exchange:
        listed = {row["symbol"]: row for row in get(exchange.url, "/fapi/v1/exchangeInfo").json["symbols"]}

    sui, btc = listed["SUIUSDT"], listed["BTCUSDT"]
    assert (sui["status"], sui["onboardDate"], sui["deliveryDate"]) == (
        status,
        to_milliseconds(BEGINS),
        to_milliseconds(ENDS),
    )
    assert (btc["status"], btc["deliveryDate"]) == ("TRADING", 4_133_404_800_000)


@pytest.mark.parametrize("timeframe", Timeframe)
@pytest.mark.parametrize("what", ["candles", "mark_prices"])
def test_candles_begin_and_end_with_the_listing(timeframe, what):
    rows = getattr(brief(), what)("SUIUSDT", timeframe, ALL)

    assert rows[0][0] == ON_THE_HOUR // timeframe.milliseconds * timeframe.milliseconds
    assert rows[-1][0] == (to_milliseconds(ENDS) - 1) // timeframe.milliseconds * timeframe.milliseconds
    assert len(rows) == (rows[-1][0] - rows[0][0]) // timeframe.milliseconds + 1
    assert rows == getattr(brief(NOW + timedelta(days=40)), what)("SUIUSDT", timeframe, ALL)


def test_listing_dates_change_no_figure_between_them():
    within = Window(ON_THE_HOUR, to_milliseconds(ENDS) - 1, 10_000)
    usual = market_at(onboard={"SUIUSDT": BEGINS.replace(hour=0, minute=0)})

    for timeframe in (Timeframe.M15, Timeframe.H1):
        assert brief().candles("SUIUSDT", timeframe, within) == usual.candles("SUIUSDT", timeframe, within)
    assert brief().candles("BTCUSDT", Timeframe.H1, within) == market_at().candles(
        "BTCUSDT", Timeframe.H1, within
    )


def test_funding_settles_within_the_listing_only():
    times = [row["fundingTime"] for row in brief().funding("SUIUSDT", ALL)]
    every = listing_of("SUIUSDT").funding_hours * 3_600_000

    assert ON_THE_HOUR <= times[0] < ON_THE_HOUR + every
    assert to_milliseconds(ENDS) - every < times[-1] <= to_milliseconds(ENDS)
    latest = brief().funding("SUIUSDT", Window(None, None, 1000))
    assert [row["fundingTime"] for row in latest] == times


@pytest.mark.parametrize(
    "dates",
    [
        {"delisted": {"BTCUSDT": datetime(2019, 9, 8, tzinfo=UTC)}},
        {"onboard": {"BTCUSDT": datetime(2019, 9, 7, tzinfo=UTC)}},
        {"onboard": {"BTCUSDT": ENDS}, "delisted": {"BTCUSDT": BEGINS}},
    ],
)
def test_listing_dates_that_cannot_be_are_refused(dates):
    with pytest.raises(UsageError, match="BTCUSDT would be traded from"):
        market_at(**dates)
