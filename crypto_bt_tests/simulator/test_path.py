"""The synthetic path: the same for ever, and shaped like a market."""

from datetime import timedelta

import numpy as np
import pytest

from crypto_bt.core.universe import UNIVERSE
from crypto_bt.simulator.listings import NEWEST_LISTING, OPENING, listing_of
from crypto_bt.simulator.path import CHUNK_HOURS, CommonFactor, HourlyPath

FIELDS = ("open", "high", "low", "close", "volume", "taker", "basis")


def path_of(symbol: str, seed: int = 7) -> HourlyPath:
    return HourlyPath(seed, listing_of(symbol), CommonFactor(seed))


@pytest.mark.parametrize("symbol", ["BTCUSDT", "SUIUSDT", "NEWCOINUSDT"])
def test_path_extended_later_keeps_every_earlier_hour(symbol):
    path = path_of(symbol)
    early = path.through(path.first_hour)
    late = path.through(path.first_hour + 3 * CHUNK_HOURS)
    at_once = path_of(symbol).through(path.first_hour + 3 * CHUNK_HOURS)

    assert len(late) > len(early)
    for field in FIELDS:
        assert np.array_equal(getattr(late, field)[: len(early)], getattr(early, field)), field
        assert np.array_equal(getattr(late, field), getattr(at_once, field)), field


def test_path_of_one_symbol_does_not_depend_on_the_others():
    factor = CommonFactor(7)
    HourlyPath(7, listing_of("ETHUSDT"), factor).through(50_000)
    beside = HourlyPath(7, listing_of("SUIUSDT"), factor).through(50_000)

    assert np.array_equal(beside.close, path_of("SUIUSDT").through(50_000).close)


def test_path_of_another_seed_differs():
    one, other = path_of("BTCUSDT", 7).through(1000), path_of("BTCUSDT", 8).through(1000)

    assert not np.array_equal(one.close, other.close)


@pytest.mark.parametrize("symbol", ["BTCUSDT", "DOGEUSDT", "1000PEPEUSDT", "XMRUSDT"])
def test_path_always_forms_valid_candles(symbol):
    hours = path_of(symbol).through(60_000)

    assert (hours.low >= 1).all()
    assert (hours.low <= np.minimum(hours.open, hours.close)).all()
    assert (hours.high >= np.maximum(hours.open, hours.close)).all()
    assert (np.abs(hours.open[1:] - hours.close[:-1]) <= 1).all()
    assert (hours.volume > 0).all()


def test_path_moves_like_a_crypto_market():
    returns = {}
    for symbol in UNIVERSE[:12]:
        path = path_of(symbol)
        close = path.through(60_000).close.astype(float)
        returns[symbol] = np.diff(np.log(close))[-20_000:]
        volatility = returns[symbol].std() * np.sqrt(365 * 24)
        kurtosis = ((returns[symbol] / returns[symbol].std()) ** 4).mean()
        assert 0.3 < volatility < 1.5, (symbol, volatility)
        assert kurtosis > 5, (symbol, kurtosis)
    daily = [np.abs(values[: 24 * 800]).reshape(-1, 24).mean(axis=1) for values in returns.values()]
    clustering = np.mean([np.corrcoef(values[1:], values[:-1])[0, 1] for values in daily])
    common = np.corrcoef(list(returns.values()))[np.triu_indices(12, 1)].mean()

    assert clustering > 0.3, clustering
    assert 0.3 < common < 0.8, common


def test_listings_of_the_universe_have_different_ages_and_none_is_younger_than_two_months_in_2026():
    listings = [listing_of(symbol) for symbol in UNIVERSE]
    young = [listing for listing in listings if listing.onboard.year == 2025]

    assert min(listing.onboard for listing in listings) == OPENING
    assert max(listing.onboard for listing in listings) <= NEWEST_LISTING
    assert sum(listing.onboard.year < 2023 for listing in listings) > 30
    assert len(young) >= 3
    assert 2 <= sum(listing.funding_hours == 4 for listing in listings) <= 12


def test_listing_of_an_unknown_symbol_is_plausible():
    for number in range(200):
        listing = listing_of(f"COIN{number}USDT")
        assert OPENING <= listing.onboard <= NEWEST_LISTING + timedelta(days=1)
        assert 0.01 <= listing.price <= 100
        assert 0.5 <= listing.volatility <= 1.2
