"""The universe by day: what was observed, what is derived, and what was liquid then."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.market import Listing
from crypto_bt.core.schemas import ORDER_RULES, UNIVERSE_SCHEMA
from crypto_bt.core.universe_history import (
    changed_rows,
    derived_rows,
    likely_renames,
    most_liquid,
    observed_rows,
    turnover,
)
from crypto_bt_tests.frames import candle_frame

TODAY = datetime(2026, 3, 10, tzinfo=UTC)
NOW = TODAY + timedelta(minutes=30)
DAY = timedelta(days=1)
NONE = DATASETS["universe"].empty()


def listing(symbol: str, days: int = 400, *, tradable: bool = True, gone: datetime | None = None) -> Listing:
    """A perpetual listed ``days`` ago."""
    return Listing(symbol, TODAY - days * DAY, tradable, "TRADING" if tradable else "SETTLING", gone)


def daily(symbol: str, days: int, until: datetime = TODAY, turnover_a_day: float = 100.0) -> pl.DataFrame:
    """D1 candles of the ``days`` before ``until``."""
    frame = candle_frame([until - n * DAY for n in range(1, days + 1)], symbol)
    return frame.with_columns(quote_volume=pl.lit(turnover_a_day))


def observe(
    listings: list[Listing],
    stored: pl.DataFrame = NONE,
    at: datetime = NOW,
    followed: tuple[str, ...] = ("AUSDT",),
) -> pl.DataFrame:
    """Observed rows without candles."""
    return observed_rows(
        {item.symbol: item for item in listings},
        {"AUSDT": 5.0},
        DATASETS["candles_1d"].empty(),
        stored,
        followed=followed,
        now=at,
    )


def test_observed_rows_hold_every_listed_symbol_and_followed_ones_that_are_missing() -> None:
    rows = observe([listing("AUSDT"), listing("BUSDT")], followed=("AUSDT", "GONEUSDT"))
    assert dict(rows.schema) == UNIVERSE_SCHEMA
    assert rows.select("symbol", "status", "tradable", "followed").rows() == [
        ("AUSDT", "TRADING", True, True),
        ("BUSDT", "TRADING", True, False),
        ("GONEUSDT", "MISSING", False, True),
    ]
    assert rows["day"].unique().to_list() == [TODAY]
    assert rows["available_at"].unique().to_list() == [NOW]
    assert rows["quote_volume_24h"].to_list() == [5.0, None, None]


def test_observed_rows_delisting_is_the_announced_one_else_the_first_day_seen() -> None:
    announced = TODAY + 3 * DAY
    assert observe([listing("AUSDT", gone=announced)])["delisted_time"].to_list() == [announced]
    first = observe([listing("AUSDT", tradable=False)])
    assert first["delisted_time"].to_list() == [TODAY]
    later = observe([listing("AUSDT", tradable=False)], stored=first, at=NOW + 4 * DAY)
    assert later["delisted_time"].to_list() == [TODAY], "the day does not move"
    back = observe([listing("AUSDT")], stored=first, at=NOW + DAY)
    again = observe([listing("AUSDT", tradable=False)], stored=pl.concat([first, back]), at=NOW + 2 * DAY)
    assert again["delisted_time"].to_list() == [TODAY + 2 * DAY], "a second delisting has its own day"


RULES = {
    "tick_size": 0.1,
    "lot_size": 0.01,
    "min_quantity": 0.02,
    "min_notional": 5.0,
    "liquidation_fee": 0.0,
}


def test_observed_rows_hold_the_order_rules_of_the_day_and_null_where_nobody_said() -> None:
    rows = observe([replace(listing("AUSDT"), **RULES), listing("BUSDT")], followed=("GONEUSDT",))
    assert rows.select("symbol", *ORDER_RULES).rows() == [
        ("AUSDT", *RULES.values()),
        ("BUSDT", *[None] * 5),
        ("GONEUSDT", *[None] * 5),
    ]


def test_derived_rows_do_not_know_the_order_rules_of_their_days() -> None:
    rules = replace(listing("AUSDT"), **RULES)
    rows = derived_rows(
        {"AUSDT": rules}, daily("AUSDT", 35), NONE, followed=["AUSDT"], start=TODAY - 2 * DAY, end=TODAY
    )
    assert dict(rows.schema) == UNIVERSE_SCHEMA
    assert rows.select(ORDER_RULES).null_count().row(0) == (2,) * 5


def test_changed_rows_bring_the_order_rules_along_but_are_none_for_them_alone() -> None:
    stored = observe([replace(listing("AUSDT"), **RULES), replace(listing("BUSDT"), **RULES)])
    coarser = {**RULES, "lot_size": 1.0}
    settling = replace(listing("BUSDT", tradable=False), **coarser)
    now = observe([replace(listing("AUSDT"), **coarser), settling], stored, NOW + timedelta(hours=2))
    assert changed_rows(now, stored).select("symbol", "lot_size").rows() == [("BUSDT", 1.0)]


def test_derived_rows_are_the_traded_days_that_nobody_observed() -> None:
    candles = daily("AUSDT", 35)
    stored = observe([listing("AUSDT")], at=NOW - 2 * DAY)
    rows = derived_rows(
        {"AUSDT": listing("AUSDT")}, candles, stored, followed=["AUSDT"], start=TODAY - 5 * DAY, end=TODAY
    )
    assert rows["day"].to_list() == [TODAY - n * DAY for n in (5, 4, 3, 1)]
    assert not rows["observed"].any()
    assert rows["quote_volume_30d"].to_list() == [3000.0] * 4
    assert (rows["available_at"] == rows["day"]).all()


def test_derived_rows_of_the_first_day_are_known_from_the_listing_on() -> None:
    opened = TODAY - 2 * DAY + timedelta(hours=8)
    young = Listing("AUSDT", opened, True, "TRADING")
    rows = derived_rows(
        {"AUSDT": young}, daily("AUSDT", 2), NONE, followed=["AUSDT"], start=TODAY - 5 * DAY, end=TODAY
    )
    assert rows["available_at"].to_list() == [opened, TODAY - DAY]


def test_derived_rows_without_candles_are_none() -> None:
    nothing = DATASETS["candles_1d"].empty()
    assert derived_rows({}, nothing, NONE, followed=["AUSDT"], start=TODAY - DAY, end=TODAY).equals(NONE)


@pytest.mark.parametrize(("days", "expected"), [(30, [3000.0]), (25, [2500.0]), (3, [300.0])])
def test_turnover_adds_up_the_thirty_days_before(days: int, expected: list[float]) -> None:
    assert turnover(daily("AUSDT", days), [TODAY])["quote_volume_30d"].to_list() == expected


def test_turnover_with_too_many_days_missing_is_not_given() -> None:
    holed = daily("AUSDT", 30).filter(~pl.col("open_time").dt.day().is_in(range(1, 8)))
    assert turnover(holed, [TODAY]).is_empty()


def test_turnover_without_quote_volume_takes_close_times_volume() -> None:
    frame = daily("AUSDT", 30).with_columns(quote_volume=pl.lit(None, pl.Float64), close=pl.lit(2.0))
    assert turnover(frame, [TODAY])["quote_volume_30d"].to_list() == [60.0]


def test_turnover_knows_nothing_of_the_day_itself() -> None:
    frame = daily("AUSDT", 31, until=TODAY + DAY)
    loud = frame.with_columns(quote_volume=pl.when(pl.col("open_time") >= TODAY).then(1e9).otherwise(100.0))
    assert turnover(loud, [TODAY])["quote_volume_30d"].to_list() == [3000.0]


def test_turnover_of_an_old_symbol_with_few_stored_days_is_not_given() -> None:
    few = daily("AUSDT", 3)
    old, young = {"AUSDT": TODAY - 400 * DAY}, {"AUSDT": TODAY - 3 * DAY + timedelta(hours=9)}
    assert turnover(few, [TODAY], old).is_empty()
    assert turnover(few, [TODAY], young)["quote_volume_30d"].to_list() == [300.0]


CANDLES = st.dictionaries(
    st.tuples(st.sampled_from("AB"), st.integers(0, 70)), st.integers(1, 1000), max_size=140
)


@given(
    candles=CANDLES,
    days=st.lists(st.integers(-2, 75), max_size=6, unique=True),
    onboard=st.dictionaries(st.sampled_from("AB"), st.integers(0, 70)),
)
def test_turnover_equals_a_plain_sum(candles: dict, days: list[int], onboard: dict[str, int]) -> None:
    parts = [
        candle_frame([TODAY + n * DAY], s).with_columns(quote_volume=pl.lit(float(v)))
        for (s, n), v in candles.items()
    ]
    frame = pl.concat([DATASETS["candles_1d"].empty(), *parts])
    expected = {}
    for symbol in {s for s, _ in candles}:
        first = onboard.get(symbol, min(n for s, n in candles if s == symbol))
        for day in days:
            seen = [v for (s, n), v in candles.items() if s == symbol and day - 30 <= n < day]
            if seen and len(seen) >= 25 / 30 * min(30, day - first):
                expected[symbol, TODAY + day * DAY] = float(sum(seen))
    listed = {symbol: TODAY + n * DAY + timedelta(hours=5) for symbol, n in onboard.items()}
    found = turnover(frame, [TODAY + day * DAY for day in days], listed)
    assert {(s, d): v for s, d, v in found.iter_rows()} == expected


def test_observed_rows_a_symbol_that_vanished_is_missing_once_though_nobody_follows_it() -> None:
    first = observe([listing("AUSDT"), listing("BUSDT")])
    second = observe([listing("AUSDT")], stored=first, at=NOW + DAY)
    assert second.select("symbol", "status", "tradable", "followed").rows() == [
        ("AUSDT", "TRADING", True, True),
        ("BUSDT", "MISSING", False, False),
    ]
    assert second["delisted_time"].to_list() == [None, TODAY + DAY]
    both = pl.concat([first, second])
    assert observe([listing("AUSDT")], stored=both, at=NOW + 2 * DAY)["symbol"].to_list() == ["AUSDT"]
    sized = both.with_columns(quote_volume_24h=pl.lit(1.0))
    assert most_liquid(sized, 9, NOW) == ["AUSDT", "BUSDT"]
    assert most_liquid(sized, 9, NOW + DAY) == ["AUSDT"]


def test_changed_rows_are_those_whose_status_is_new() -> None:
    stored = observe([listing("AUSDT"), listing("BUSDT")])
    later = NOW + timedelta(hours=2)
    now = observe([listing("AUSDT"), listing("BUSDT", tradable=False), listing("CUSDT")], stored, later)
    changed = changed_rows(now.with_columns(quote_volume_24h=pl.lit(None, pl.Float64)), stored)
    assert changed["symbol"].to_list() == ["BUSDT", "CUSDT"]
    assert changed_rows(now, now).is_empty()


def test_most_liquid_ranks_what_was_tradable() -> None:
    rows = pl.concat(
        observe([listing(s, tradable=s != "DUSDT")]).with_columns(quote_volume_30d=pl.lit(v)).filter(symbol=s)
        for s, v in (("AUSDT", 1.0), ("BUSDT", 3.0), ("CUSDT", 2.0), ("DUSDT", 9.0))
    )
    assert most_liquid(rows, 2, NOW) == ["BUSDT", "CUSDT"]
    assert most_liquid(rows, 9, NOW - timedelta(minutes=1)) == []


ROWS = st.lists(
    st.tuples(st.sampled_from("ABCD"), st.integers(0, 9), st.floats(1, 99), st.integers(0, 3), st.booleans()),
    max_size=20,
    unique_by=lambda row: row[:2],
)


@given(rows=ROWS, at=st.integers(0, 12))
def test_most_liquid_uses_only_rows_that_were_available(rows: list, at: int) -> None:
    table = pl.DataFrame(
        [
            (
                s,
                TODAY + n * DAY,
                None,
                None,
                "TRADING",
                ok,
                True,
                True,
                None,
                volume,
                *[None] * len(ORDER_RULES),
                TODAY + (n + wait) * DAY,
            )
            for s, n, volume, wait, ok in rows
        ],
        schema=UNIVERSE_SCHEMA,
        orient="row",
    )
    moment = TODAY + at * DAY
    known = table.filter(pl.col("available_at") <= moment)
    assert most_liquid(table, 3, moment) == most_liquid(known, 3, moment)


def test_likely_renames_finds_the_same_base_and_else_who_came_when_it_went() -> None:
    listings = {
        "1000SHIBUSDT": listing("1000SHIBUSDT"),
        "POLUSDT": listing("POLUSDT", days=12),
        "OLDUSDT": listing("OLDUSDT", days=900),
    }
    assert likely_renames("SHIBUSDT", listings, TODAY) == ["1000SHIBUSDT"]
    assert likely_renames("MATICUSDT", listings, TODAY - 10 * DAY) == ["POLUSDT"]
    assert likely_renames("MATICUSDT", listings, None) == []
