"""Whatever a source sends: no exception, no bad row stored, no row lost."""

import json
from datetime import timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.core.candles import resample, validate_candles
from crypto_bt.core.funding import validate_funding
from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.core.raw_rows import raw_text
from crypto_bt.core.schemas import CANDLE_SCHEMA
from crypto_bt_tests.core.rows import END, START, candle_row, funding_row

NOW = START + timedelta(hours=40, minutes=30)
HOUR = 3_600_000

odd_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-3, max_value=3),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["NaN", "inf", "-inf", "0", "-0.0", "1e400", "1e-400", "1_0", " 1", "0x10", "", "1,5"]),
    st.integers(min_value=-5, max_value=60).map(lambda hour: to_milliseconds(START) + hour * HOUR),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
indices = st.integers(min_value=-2, max_value=50)


@st.composite
def candle_rows(draw):
    """A candle row of which a few fields may be anything."""
    row = candle_row(draw(indices))
    for place, value in draw(st.dictionaries(st.integers(0, 11), odd_values, max_size=3)).items():
        row[place] = value
    return row[: draw(st.sampled_from([12, 12, 12, 13, 11, 6, 0]))]


@st.composite
def funding_rows(draw):
    names = ["symbol", "fundingTime", "fundingRate", "markPrice", "extra"]
    return funding_row(draw(st.integers(-2, 8)), **draw(st.dictionaries(st.sampled_from(names), odd_values)))


def payloads(rows):
    garbage = st.one_of(odd_values, st.lists(odd_values, max_size=14), st.recursive(odd_values, st.lists))
    return st.lists(st.one_of(rows, rows, rows, garbage), max_size=40)


def accounted(rows, valid, kept):
    """Assert that each of ``rows`` is in the quarantine or, by ``kept`` (raw texts), in the frame."""
    refused = [line for raw in valid.quarantine["raw"] for line in raw.split("\n")]
    assert {raw_text(row) for row in rows} == {*refused, *kept}
    assert valid.quarantine.select("open_time", "reason").is_duplicated().sum() == 0
    assert valid.quarantine["open_time"].is_between(START, END, closed="left").all()


@settings(max_examples=300, deadline=None)
@given(payloads(candle_rows()))
def test_validate_candles_never_raises_and_accounts_for_every_row(rows):
    valid = validate_candles(rows, dataset="candles_1h", symbol="BTCUSDT", start=START, end=END, now=NOW)
    frame = valid.frame

    assert dict(frame.schema) == CANDLE_SCHEMA
    for row in frame.iter_rows(named=True):
        assert START <= row["open_time"] < END
        assert to_milliseconds(row["open_time"]) % HOUR == 0
        assert row["open_time"] + timedelta(hours=1) <= NOW
        assert 0 < row["low"] <= min(row["open"], row["close"])
        assert max(row["open"], row["close"]) <= row["high"] < float("inf")
        assert all(row[name] is None or 0 <= row[name] < float("inf") for name in list(row)[6:])
        assert row["volume"] is not None
    assert frame["open_time"].is_sorted()
    assert frame["open_time"].n_unique() == frame.height
    refused = {line for raw in valid.quarantine["raw"] for line in raw.split("\n")}
    times = {to_milliseconds(time) for time in frame["open_time"]}
    stored = [
        row for row in rows
        if raw_text(row) not in refused and isinstance(row, list) and row and row[0] in times
    ]  # fmt: skip
    accounted(rows, valid, {raw_text(row) for row in stored})
    assert len({row[0] for row in stored}) == frame.height


@settings(max_examples=200, deadline=None)
@given(payloads(funding_rows()))
def test_validate_funding_never_raises_and_accounts_for_every_row(rows):
    valid = validate_funding(rows, dataset="funding_rates", symbol="BTCUSDT", start=START, end=END, now=NOW)
    frame = valid.frame

    assert frame["funding_time"].n_unique() == frame.height
    for row in frame.iter_rows(named=True):
        assert START <= row["funding_time"] < END
        assert row["funding_time"] <= NOW
        assert -1 <= row["funding_rate"] <= 1
        assert row["mark_price"] is None or 0 < row["mark_price"] < float("inf")
    refused = {line for raw in valid.quarantine["raw"] for line in raw.split("\n")}
    slots = {to_milliseconds(time) for time in frame["funding_time"]}
    stored = [
        row for row in rows
        if raw_text(row) not in refused and isinstance(row, dict) and type(row.get("fundingTime")) is int
        and (row["fundingTime"] + 30_000) // 60_000 * 60_000 in slots
    ]  # fmt: skip
    accounted(rows, valid, {raw_text(row) for row in stored})


ticks = st.integers(min_value=1, max_value=10_000)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["AAUSDT", "BBUSDT"]), st.integers(0, 60)),
        st.tuples(ticks, ticks, ticks, ticks, st.integers(0, 1000), st.one_of(st.none(), ticks)),
        max_size=120,
    ),
    st.sampled_from([Timeframe.H4, Timeframe.D1]),
)
def test_resample_equals_a_naive_calculation(candles, timeframe):
    rows = []
    for (symbol, hour), (o, a, b, c, volume, trades) in sorted(candles.items()):
        high, low = float(max(o, a, b, c)), float(min(o, a, b, c))
        time = START + timedelta(hours=hour)
        rows.append((symbol, time, float(o), high, low, float(c), float(volume), None, trades, None))
    frame = pl.DataFrame(rows, schema=CANDLE_SCHEMA, orient="row")
    groups: dict[tuple[str, object], list[tuple]] = {}
    for row in rows:
        groups.setdefault((row[0], timeframe.floor(row[1])), []).append(row)
    expected = [
        (
            *key,
            group[0][2],
            max(row[3] for row in group),
            min(row[4] for row in group),
            group[-1][5],
            sum(row[6] for row in group),
            None,
            None if any(row[8] is None for row in group) else sum(row[8] for row in group),
            None,
        )
        for key, group in groups.items()
        if len(group) == timeframe.delta // timedelta(hours=1)
    ]

    result = resample(frame, timeframe)

    assert dict(result.schema) == CANDLE_SCHEMA
    assert result.rows() == expected


def test_raw_text_of_what_json_cannot_say_is_its_type():
    assert json.loads(raw_text(object())) == "not JSON: object"
