"""What exchangeInfo says, also when it says nonsense."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.market import Listing
from crypto_bt.sources.exchange_info import identity_of, listings_of, weight_limit_of
from crypto_bt_tests.recorded import RECORDED, needs_recorded

ENTRY = {
    "symbol": "BTCUSDT", "contractType": "PERPETUAL", "marginAsset": "USDT",
    "onboardDate": 1569398400000, "status": "TRADING",
}  # fmt: skip


def test_listings_of_says_what_is_tradable():
    settling = {**ENTRY, "symbol": "OLDUSDT", "status": "SETTLING"}

    assert listings_of({"symbols": [ENTRY, settling]}) == {
        "BTCUSDT": Listing("BTCUSDT", datetime(2019, 9, 25, 8, tzinfo=UTC), True, "TRADING"),
        "OLDUSDT": Listing("OLDUSDT", datetime(2019, 9, 25, 8, tzinfo=UTC), False, "SETTLING"),
    }


@pytest.mark.parametrize(
    ("delivery", "delisting"),
    [
        (1_773_500_400_000, datetime(2026, 3, 14, 15, tzinfo=UTC)),
        (4_102_444_799_999, datetime(2099, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
        (4_102_444_800_000, None), (4_133_404_800_000, None), (0, None), (-1, None), (None, None),
        ("soon", None), (True, None), (10**20, None),
    ],
)  # fmt: skip
def test_listings_of_delivery_before_2100_is_a_delisting(delivery, delisting):
    (listing,) = listings_of({"symbols": [{**ENTRY, "deliveryDate": delivery}]}).values()

    assert (listing.delisting, listing.tradable) == (delisting, True)


@pytest.mark.parametrize("status", ["SETTLING", "CLOSE", "PRE_SETTLE", "PENDING_TRADING", "DELIVERED"])
def test_listings_of_any_other_status_is_not_tradable(status):
    (listing,) = listings_of({"symbols": [{**ENTRY, "status": status}]}).values()

    assert (listing.tradable, listing.status) == (False, status)


@pytest.mark.parametrize(
    "change",
    [
        {"contractType": "CURRENT_QUARTER"}, {"marginAsset": "USDC"}, {"symbol": "BTC/USDT"},
        {"symbol": None},
        {"onboardDate": "soon"}, {"onboardDate": True}, {"onboardDate": 10**15}, {"status": None},
    ],
)  # fmt: skip
def test_listings_of_leaves_out_what_is_none_of_ours(change):
    assert listings_of({"symbols": [{**ENTRY, **change}]}) == {}


def limits(**change):
    entry = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1200}
    return {"rateLimits": [{"rateLimitType": "ORDERS", "limit": 5}, {**entry, **change}]}


@pytest.mark.parametrize(
    ("info", "limit"),
    [(limits(), 1200), (limits(intervalNum=5), 2400), (limits(limit="many"), 2400), ({}, 2400)],
)
def test_weight_limit_of_is_the_advertised_one_or_the_documented(info, limit):
    assert weight_limit_of(info) == limit


@pytest.mark.parametrize(
    ("info", "url", "identity"),
    [
        ({}, "https://fapi.binance.com", "binanceusdm"),
        ({"loopbackSource": "x"}, "https://fapi.binance.com", "binanceusdm"),
        ({"loopbackSource": "simulated:seed=7"}, "http://127.0.0.1:1", "simulated:seed=7"),
        ({}, "https://mirror.example:8443/binance", "binanceusdm@mirror.example"),
        ({"loopbackSource": 5}, "https://mirror.example", "binanceusdm@mirror.example"),
    ],
)
def test_identity_of(info, url, identity):
    assert identity_of(info, url) == identity


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["symbols", "rateLimits", *ENTRY, "limit"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["symbols", "rateLimits", "loopbackSource"]), json_values))
def test_exchange_info_of_garbage_never_raises(info):
    listings_of(info)
    assert weight_limit_of(info) >= 1
    assert identity_of(info, "http://host")


@needs_recorded
def test_listings_of_the_real_exchange():
    info = json.loads((RECORDED / "reference/exchange_info_2025-12-24.json").read_text())

    listings = listings_of(info)

    assert len(listings) > 300
    assert listings["BTCUSDT"].tradable
    settling = [listing for listing in listings.values() if listing.status == "SETTLING"]
    assert settling
    assert all(listing.delisting is not None and not listing.tradable for listing in settling)
    assert listings["BTCUSDT"].delisting is None
    assert weight_limit_of(info) == next(
        entry["limit"] for entry in info["rateLimits"] if entry["rateLimitType"] == "REQUEST_WEIGHT"
    )
