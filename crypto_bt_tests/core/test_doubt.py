"""Doubtful candles: what is withheld, what bears a jump out, and what a decision changes."""

import json
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto_bt.core.candle_flags import jumps
from crypto_bt.core.candles import validate_candles
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.doubt import Judged, history_start, raw_candle, standing, withhold
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import DECISION_SCHEMA, QUARANTINE_SCHEMA
from crypto_bt_tests.core.rows import START
from crypto_bt_tests.recorded import RECORDED, needs_recorded

SEED = 23
HOURS = 400
HOUR = timedelta(hours=1)
#: Open time of the newest candle of :func:`market`, and a moment soon after it closed.
LAST = START + (HOURS - 1) * HOUR
NOW = LAST + HOUR + timedelta(minutes=5)
KEY = ["symbol", "open_time"]
NONE_HELD, NONE_DECIDED = DATASETS["quarantine"].empty(), DATASETS["decisions"].empty()
NO_MARKS = DATASETS["mark_price_1h"].empty()


def market(symbols=("BTCUSDT",), hours=HOURS) -> pl.DataFrame:
    """Calm H1 candles from START on."""
    frames = []
    for number, symbol in enumerate(symbols):
        close = 100 * np.exp(np.cumsum(np.random.default_rng(SEED + number).normal(0, 0.002, hours)))
        columns = {"open": close, "high": close * 1.001, "low": close * 0.999, "close": close}
        data = {"symbol": [symbol] * hours, "open_time": [START + hour * HOUR for hour in range(hours)]}
        frames.append(pl.DataFrame({**data, **columns, "volume": np.arange(1.0, hours + 1)}))
    schema = DATASETS["candles_1h"].schema
    frame = pl.concat(frames)
    blank = [
        pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in frame.columns
    ]
    return frame.with_columns(blank).select(pl.col(name).cast(kind) for name, kind in schema.items())


def moved(frame: pl.DataFrame, hour: int, factor: float, *, stays: bool = False, symbol: str = "BTCUSDT"):
    """``frame`` with the prices of ``hour`` (of all from then on, if it ``stays``) times ``factor``."""
    at = START + hour * HOUR
    here = (pl.col("symbol") == symbol) & (pl.col("open_time") >= at if stays else pl.col("open_time") == at)
    prices = ["open", "high", "low", "close"]
    return frame.with_columns(pl.when(here).then(pl.col(n) * factor).otherwise(n).alias(n) for n in prices)


def marks_of(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(list(DATASETS["mark_price_1h"].schema))


def judge(frame: pl.DataFrame, newest: int = 1, **given) -> Judged:
    """Judge the last ``newest`` hours of ``frame`` as just fetched, the rest as stored."""
    since = LAST - (newest - 1) * HOUR
    facts = {
        "timeframe": Timeframe.H1,
        "stored": frame.filter(pl.col("open_time") < since),
        "marks": NO_MARKS,
        "quarantine": NONE_HELD,
        "decisions": NONE_DECIDED,
        "now": NOW,
    }
    return withhold(frame.filter(pl.col("open_time") >= since), **{**facts, **given})


def decided(decision: str, at: datetime, opened: datetime = LAST) -> pl.DataFrame:
    row = ("candles_1h", "BTCUSDT", opened, decision, "a person", at)
    return pl.DataFrame([row], schema=DECISION_SCHEMA, orient="row")


def hours_withheld(judged: Judged) -> list[int]:
    return [(at - START) // HOUR for at in judged.withheld["open_time"]]


JUMPED = moved(market(), HOURS - 1, 1.4)


def test_withhold_a_calm_market_keeps_all():
    judged = judge(market(), newest=30)

    assert judged.keep.height == 30
    assert (judged.withheld.height, judged.decisions.height) == (0, 0), f"seed {SEED}"


def test_withhold_a_lone_jump_goes_to_the_quarantine_with_its_raw_row():
    judged = judge(JUMPED, newest=3)

    assert judged.keep["open_time"].to_list() == [LAST - 2 * HOUR, LAST - HOUR]
    assert dict(judged.withheld.schema) == QUARANTINE_SCHEMA
    (row,) = judged.withheld.iter_rows(named=True)
    assert (row["dataset"], row["symbol"], row["open_time"]) == ("candles_1h", "BTCUSDT", LAST)
    assert (row["reason"], row["seen_at"]) == ("jump", NOW)
    again = validate_candles(
        [json.loads(row["raw"])],
        dataset="candles_1h", symbol="BTCUSDT", start=LAST, end=LAST + HOUR, now=NOW,
    )  # fmt: skip
    assert again.frame.equals(JUMPED.filter(open_time=LAST))


def test_withhold_a_candle_that_comes_back_from_a_doubtful_one_is_kept():
    assert hours_withheld(judge(moved(market(), HOURS - 2, 1.4), newest=2)) == [HOURS - 2]


def test_withhold_a_spike_that_comes_back_half_way_only_doubts_both():
    frame = moved(moved(market(), HOURS - 2, 1.5), HOURS - 1, 1.15)

    assert hours_withheld(judge(frame, newest=2)) == [HOURS - 2, HOURS - 1]


@pytest.mark.parametrize("factor", [1.4, 0.6])
def test_withhold_a_jump_that_the_next_candle_goes_on_from_is_kept(factor):
    frame = moved(market(), HOURS - 2, factor, stays=True)

    assert judge(frame, newest=2).withheld.is_empty()
    assert hours_withheld(judge(frame.filter(pl.col("open_time") < LAST), newest=2)) == [HOURS - 2]


@pytest.mark.parametrize(("off", "kept"), [(1.0, True), (1.049, True), (0.951, True), (1.06, False)])
def test_withhold_a_mark_price_within_five_percent_bears_a_jump_out(off, kept):
    marks = marks_of(moved(JUMPED, HOURS - 1, 1 / off))

    assert judge(JUMPED, marks=marks).withheld.is_empty() == kept


def test_withhold_the_mark_price_of_another_hour_or_symbol_bears_nothing_out():
    marks = marks_of(JUMPED)
    late = marks.with_columns(pl.col("open_time") + HOUR)

    assert hours_withheld(judge(JUMPED, marks=late)) == [HOURS - 1]
    assert hours_withheld(judge(JUMPED, marks=marks.with_columns(symbol=pl.lit("ETHUSDT")))) == [HOURS - 1]


def retimed(frame: pl.DataFrame, timeframe: Timeframe) -> pl.DataFrame:
    """The candles of ``frame`` as if each were one of ``timeframe``, the last one ending where LAST does."""
    back = pl.int_range(pl.len(), 0, -1) * timeframe.milliseconds
    end = pl.lit(LAST + HOUR).cast(pl.Datetime("ms", "UTC"))
    return frame.with_columns(open_time=end - back.cast(pl.Duration("ms")))


@pytest.mark.parametrize("timeframe", [Timeframe.M15, Timeframe.H4, Timeframe.D1])
def test_withhold_other_timeframes_are_held_against_the_mark_price_of_their_last_hour(timeframe):
    frame = retimed(JUMPED, timeframe)
    split = {"newest": 1, "timeframe": timeframe, "stored": frame[:-1]}
    hour = marks_of(JUMPED.filter(open_time=LAST))
    facts = {"quarantine": NONE_HELD, "decisions": NONE_DECIDED, "now": NOW}

    def withheld(marks):
        return withhold(
            frame[-1:], timeframe=timeframe, stored=split["stored"], marks=marks, **facts
        ).withheld.height

    assert withheld(NO_MARKS) == 1
    assert withheld(hour) == 0
    assert withheld(hour.with_columns(pl.col("open_time") - HOUR)) == 1


def test_withhold_a_jump_of_a_fifth_of_the_market_is_kept():
    symbols = tuple(f"S{number}USDT" for number in range(30))
    for count, kept in ((5, False), (6, True)):
        frame = market(symbols)
        for symbol in symbols[:count]:
            frame = moved(frame, HOURS - 1, 0.7, symbol=symbol)
        judged = judge(frame)
        assert judged.withheld.height == (0 if kept else count)
        assert judged.keep.height == 30 - judged.withheld.height


def test_withhold_fewer_than_five_symbols_are_no_market():
    symbols = ("AUSDT", "BUSDT", "CUSDT", "DUSDT")
    frame = market(symbols)
    for symbol in symbols:
        frame = moved(frame, HOURS - 1, 0.7, symbol=symbol)

    assert judge(frame).withheld.height == 4


def test_withhold_old_history_is_settled():
    frame = moved(market(), HOURS - 30, 1.4)

    assert judge(frame, newest=60).withheld.is_empty()
    assert judge(moved(market(), HOURS - 2, 1.4), newest=60, now=NOW + timedelta(days=1)).withheld.is_empty()


def test_withhold_a_jump_that_is_stored_already_is_kept_unless_its_value_changed():
    other = JUMPED.with_columns(close=pl.col("close") * 1.0001)

    assert judge(JUMPED, stored=JUMPED).withheld.is_empty()
    assert hours_withheld(judge(JUMPED, stored=other)) == [HOURS - 1]


def test_withhold_a_day_after_it_was_first_seen_the_same_value_is_confirmed():
    held = judge(JUMPED).withheld
    soon, later = NOW + timedelta(hours=23), NOW + timedelta(hours=24)

    again = judge(JUMPED, quarantine=held, now=soon - timedelta(minutes=10))
    assert again.withheld.equals(held)
    judged = judge(JUMPED, quarantine=held, now=later)

    assert judged.keep.height == 1
    assert judged.withheld.is_empty()
    assert judged.decisions.rows() == [("candles_1h", "BTCUSDT", LAST, "confirmed", "exchange", later)]
    assert judge(JUMPED, quarantine=held, decisions=judged.decisions, now=later).decisions.is_empty()


def test_withhold_a_waiting_candle_that_a_mark_price_bears_out_is_confirmed_at_once():
    judged = judge(JUMPED, quarantine=judge(JUMPED).withheld, marks=marks_of(JUMPED))

    assert judged.keep.height == 1
    assert judged.decisions["decision"].to_list() == ["confirmed"]


def test_withhold_an_accepted_value_is_kept_and_a_rejected_one_stays_out_for_good():
    held = judge(JUMPED).withheld

    accepted = judge(JUMPED, quarantine=held, decisions=decided("accepted", NOW))
    assert (accepted.keep.height, accepted.withheld.height, accepted.decisions.height) == (1, 0, 0)
    for later in (NOW, NOW + timedelta(days=300)):
        rejected = judge(JUMPED, quarantine=held, decisions=decided("rejected", NOW), now=later)
        assert rejected.withheld.equals(held)
        assert (rejected.keep.height, rejected.decisions.height) == (0, 0)


@pytest.mark.parametrize("decision", ["accepted", "rejected", "confirmed"])
def test_withhold_another_value_than_the_decided_one_is_judged_anew(decision):
    held = judge(JUMPED).withheld
    other = moved(market(), HOURS - 1, 1.6)
    ordinary = market()

    anew = judge(other, quarantine=held, decisions=decided(decision, NOW))
    assert anew.withheld.height == 1
    assert anew.withheld["raw"].item() != held["raw"].item()
    # The decision on the old value does not hold for the new one, even where the clock stands still.
    assert judge(other, quarantine=anew.withheld, decisions=decided(decision, NOW)).withheld.equals(
        anew.withheld
    )
    assert judge(ordinary, quarantine=held, decisions=decided(decision, NOW)).keep.height == 1
    late = judge(other, quarantine=held, decisions=decided(decision, NOW), now=NOW + timedelta(days=2))
    assert late.keep.height == 1


def test_withhold_a_quarantine_row_that_cannot_be_read_is_no_known_value():
    held = judge(JUMPED).withheld
    for raw in ("", "null", "[]", '[1,"x"]', "{}", '"not JSON: set"'):
        judged = judge(
            JUMPED, quarantine=held.with_columns(raw=pl.lit(raw)), decisions=decided("rejected", NOW)
        )
        assert judged.withheld["raw"].to_list() == held["raw"].to_list()


def test_withhold_rows_of_other_datasets_and_reasons_count_for_nothing():
    held = judge(JUMPED).withheld
    other = pl.concat(
        [held.with_columns(dataset=pl.lit("candles_4h")), held.with_columns(reason=pl.lit("null"))]
    )

    assert judge(JUMPED, quarantine=other, decisions=decided("accepted", NOW)).withheld.height == 1


def test_history_start_is_enough_to_find_the_same_jumps():
    frame = moved(market(hours=1200), 1198, 1.4)
    now = START + 1201 * HOUR
    cut = frame.filter(pl.col("open_time") >= history_start(Timeframe.H1, now))

    assert cut.height < frame.height
    young = pl.col("open_time") > now - timedelta(hours=25)
    assert jumps(cut, Timeframe.H1).filter(young).equals(jumps(frame, Timeframe.H1).filter(young))


def test_standing_tells_waiting_decided_refused_and_healed_apart():
    held = judge(JUMPED).withheld
    refused = held.with_columns(reason=pl.lit("null"), open_time=pl.col("open_time") - HOUR)
    rows = pl.concat([held, refused])
    nothing = pl.DataFrame(schema={name: QUARANTINE_SCHEMA[name] for name in ("dataset", *KEY)})
    stored = refused.select("dataset", *KEY)

    def seen(decisions, stored=nothing):
        return standing(rows, decisions, stored).select("state", "healed").rows()

    assert seen(NONE_DECIDED) == [("waiting", False), ("refused", False)]
    assert seen(NONE_DECIDED, stored) == [("waiting", False), ("refused", True)]
    assert seen(decided("rejected", NOW)) == [("rejected", False), ("refused", False)]
    assert seen(decided("rejected", NOW - HOUR)) == [("waiting", False), ("refused", False)]


@st.composite
def sessions(draw):
    """Candles with a few jumps, marks for some of them, and how they come in, session by session."""
    frame = market(("AUSDT", "BTCUSDT"))
    for symbol, hour, factor, stays in draw(
        st.lists(
            st.tuples(
                st.sampled_from(["AUSDT", "BTCUSDT"]),
                st.integers(HOURS - 40, HOURS - 1),
                st.sampled_from([0.5, 0.8, 1.07, 1.3, 2.0]),
                st.booleans(),
            ),
            max_size=6,
        )
    ):
        frame = moved(frame, hour, factor, stays=stays, symbol=symbol)
    marked = draw(st.sampled_from([pl.lit(value=False), pl.lit(value=True), pl.col("symbol") == "AUSDT"]))
    marks = marks_of(frame.filter(marked))
    cuts = draw(st.lists(st.integers(HOURS - 50, HOURS), min_size=1, max_size=5).map(sorted))
    return frame, marks, [*cuts, HOURS]


@settings(max_examples=60, deadline=None)
@given(sessions(), st.sampled_from(["", "accepted", "rejected"]))
def test_withhold_over_many_sessions_loses_nothing_and_waits_at_most_a_day(case, decision):
    frame, marks, cuts = case
    stored, held, made = frame.filter(pl.col("open_time") < START + 340 * HOUR), NONE_HELD, NONE_DECIDED
    first_seen = {}
    for cut in cuts:
        now = START + cut * HOUR + timedelta(minutes=1)
        fetched = frame.filter(
            pl.col("open_time") >= START + 340 * HOUR, pl.col("open_time") < START + cut * HOUR
        )
        facts = {"timeframe": Timeframe.H1, "marks": marks, "quarantine": held, "decisions": made, "now": now}
        judged = withhold(fetched, stored=stored, **facts)

        out = judged.withheld.select(KEY)
        assert judged.keep.join(out, on=KEY, how="semi").is_empty()
        assert pl.concat([judged.keep.select(KEY), out]).sort(KEY).equals(fetched.select(KEY).sort(KEY))
        assert judged.keep.equals(fetched.join(out, on=KEY, how="anti").sort(KEY))
        stored = pl.concat([stored.join(judged.keep, on=KEY, how="anti"), judged.keep]).sort(KEY)
        held = pl.concat([held.join(judged.withheld, on=KEY, how="anti"), judged.withheld]).sort(KEY)
        made = pl.concat([made.join(judged.decisions, on=KEY, how="anti"), judged.decisions]).sort(KEY)
        for symbol, opened, at in judged.withheld.select(*KEY, "seen_at").iter_rows():
            assert first_seen.setdefault((symbol, opened), at) == at, "the wait grew"
            rejected = made.filter(symbol=symbol, open_time=opened, decision="rejected").height
            assert rejected or now - at < timedelta(days=1)
        again = withhold(fetched, stored=stored, **{**facts, "quarantine": held, "decisions": made})
        assert again.withheld.select(KEY).equals(out), "the same question has another answer"
        assert again.decisions.is_empty()
        if decision:
            people = [("candles_1h", s, t, decision, "a person", now) for s, t in out.iter_rows()]
            rows = pl.DataFrame(people, schema=DECISION_SCHEMA, orient="row")
            made = pl.concat([made.join(rows, on=KEY, how="anti"), rows]).sort(KEY)


@needs_recorded
@pytest.mark.parametrize(("timeframe", "least"), [(Timeframe.H1, 50), (Timeframe.H4, 15)])
def test_withhold_the_recorded_extremes_blinds_nobody(timeframe, least):
    """180 recorded days, the crash of 2025-10-10 among them: true jumps must not be withheld."""
    frame = recorded(f"candles_{timeframe}", timeframe.dataset)
    marks = recorded("mark_1h", "mark_price_1h")
    since = frame["open_time"].max() - timedelta(days=180)
    found = jumps(frame, timeframe).filter(pl.col("open_time") > since)
    assert found.height >= least
    withheld = set()
    for opened in found["open_time"].unique().sort():
        now = opened + timeframe.delta + timedelta(minutes=5)
        seen = frame.filter(pl.col("open_time").is_between(history_start(timeframe, now), opened))
        judged = withhold(
            seen.filter(open_time=opened),
            timeframe=timeframe,
            stored=seen.filter(pl.col("open_time") < opened),
            marks=marks.filter(pl.col("open_time") <= opened + timeframe.delta),
            quarantine=NONE_HELD, decisions=NONE_DECIDED, now=now,
        )  # fmt: skip
        withheld |= set(judged.withheld["symbol"])

    assert withheld.isdisjoint(marks["symbol"]), "the mark price bears every true jump out"
    assert len(withheld) <= 1, withheld


def recorded(name: str, dataset: str) -> pl.DataFrame:
    """A recorded file in the dataset's schema."""
    schema = DATASETS[dataset].schema
    frame = pl.read_parquet(RECORDED / f"{name}.parquet")
    blank = [
        pl.lit(None, dtype=kind).alias(column)
        for column, kind in schema.items()
        if column not in frame.columns
    ]
    return frame.with_columns(blank).select(pl.col(n).cast(kind) for n, kind in schema.items()).sort(KEY)


def test_raw_candle_of_a_stored_row_reads_back_equal():
    candle = JUMPED.row(-1, named=True)

    back = validate_candles(
        [raw_candle(candle, Timeframe.H1)],
        dataset="candles_1h", symbol="BTCUSDT", start=LAST, end=LAST + HOUR, now=NOW,
    )  # fmt: skip
    assert back.frame.rows() == [JUMPED.row(-1)]
