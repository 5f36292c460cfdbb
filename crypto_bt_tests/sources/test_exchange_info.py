"""What exchangeInfo says, also when it says nonsense."""

import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.market import Listing
from crypto_bt.core.schemas import ORDER_RULES
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


PRICE = {"filterType": "PRICE_FILTER", "tickSize": "0.10", "minPrice": "261.10"}
LOT = {"filterType": "LOT_SIZE", "stepSize": "0.001", "minQty": "0.002"}
MARKET_LOT = {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.010", "minQty": "0.030"}
NOTIONAL = {"filterType": "MIN_NOTIONAL", "notional": "100"}


def rules_of(*filters, **fields):
    """Tick, lot, smallest quantity, smallest notional and liquidation fee, as read."""
    (listing,) = listings_of({"symbols": [{**ENTRY, "filters": list(filters), **fields}]}).values()
    return tuple(getattr(listing, name) for name in ORDER_RULES)


def test_listings_of_takes_order_rules_from_the_filters():
    read = rules_of(PRICE, LOT, MARKET_LOT, NOTIONAL, liquidationFee="0.020000")

    assert read == (0.1, 0.01, 0.03, 100.0, 0.02)


@pytest.mark.parametrize(
    "market",
    [{"filterType": "MAX_NUM_ORDERS", "limit": 200}, {**MARKET_LOT, "stepSize": "0"},
     {**MARKET_LOT, "stepSize": "fine"}, {"filterType": "MARKET_LOT_SIZE"}],
)  # fmt: skip
def test_listings_of_without_a_step_of_market_orders_that_of_all_orders_counts(market):
    assert rules_of(LOT, market)[1:3] == (0.001, 0.002)


def test_listings_of_a_step_of_zero_is_no_rule():
    assert rules_of({**PRICE, "tickSize": "0"}, {**LOT, "stepSize": "0"})[:2] == (0.0, 0.0)


@pytest.mark.parametrize("bad", [None, "", "fine", "nan", "inf", "-1", -1, True, [], {}, 10**400, "\ud800"])
@pytest.mark.parametrize("which", range(5))
def test_listings_of_an_order_rule_that_makes_no_sense_is_none_and_the_others_stay(bad, which):
    good = [PRICE, MARKET_LOT, NOTIONAL]
    fields = {"liquidationFee": "0.015"}
    where, key = [(0, "tickSize"), (1, "stepSize"), (1, "minQty"), (2, "notional"), (None, None)][which]
    if where is None:
        fields["liquidationFee"] = bad
    else:
        good[where] = {**good[where], key: bad}
    expected = [0.1, 0.01, 0.03, 100.0, 0.015]
    for lost in (1, 2) if which == 1 else (which,):
        expected[lost] = None

    assert rules_of(*good, **fields) == tuple(expected)


def test_listings_of_a_liquidation_fee_of_all_and_more_makes_no_sense():
    assert [rules_of(liquidationFee=fee)[4] for fee in ("0", "0.999", "1", "2.0")] == [0.0, 0.999, None, None]


@pytest.mark.parametrize("filters", [None, {}, "filters", [None, 5, {}, {"filterType": []}]])
def test_listings_of_without_filters_lists_the_symbol_all_the_same(filters):
    (listing,) = listings_of({"symbols": [{**ENTRY, "filters": filters}]}).values()

    assert (listing.symbol, listing.lot_size, listing.min_notional) == ("BTCUSDT", None, None)


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


filter_values = st.fixed_dictionaries(
    {"filterType": st.sampled_from(["PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "MIN_NOTIONAL"])},
    optional=dict.fromkeys(("tickSize", "stepSize", "minQty", "notional"), json_values),
)


@given(st.lists(filter_values | json_values, max_size=6), json_values)
def test_listings_of_garbage_filters_are_figures_or_none(filters, fee):
    for figure in rules_of(*filters, liquidationFee=fee):
        assert figure is None or 0 <= figure < math.inf


@needs_recorded
@pytest.mark.parametrize("name", ["exchange_info_2025-01-09_raw.json", "exchange_info_2025-12-24.json"])
def test_listings_of_the_real_exchange_have_all_order_rules(name):
    listings = listings_of(json.loads((RECORDED / "reference" / name).read_text()))

    rules = {symbol: [getattr(item, rule) for rule in ORDER_RULES] for symbol, item in listings.items()}
    assert len(rules) > 300
    assert not [symbol for symbol, figures in rules.items() if None in figures]
    # Two are listed with a rule that is switched off.
    assert {symbol for symbol, figures in rules.items() if 0 in figures} <= {"TUSDT", "OPENUSDT"}
    assert rules["BTCUSDT"] == [0.1, 0.001, 0.001, 100.0, 0.02]


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
