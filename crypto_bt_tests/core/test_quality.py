"""The checks' decisions: each can pass and can fail, and says value, limit and command."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from crypto_bt.core import candle_quality, quality
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.market import Timeframe
from crypto_bt.core.verdict import Severity, Verdict, not_loaded, repair_command
from crypto_bt.core.wholeness import AgeLimits, find_gaps, judge
from crypto_bt_tests.frames import candle_frame

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LOOKBACK = timedelta(days=2)
HOURS = [NOW - timedelta(hours=back) for back in range(1, 97)]
H1, H4 = Timeframe.H1, Timeframe.H4


def without(*back: int) -> list[datetime]:
    """The last 96 hours but those so many hours back."""
    return [moment for moment in HOURS if (NOW - moment) // timedelta(hours=1) not in back]


def universe(broken: int, total: int) -> list[quality.Wholeness]:
    """Judgements of ``total`` symbols, the first ``broken`` of which have a gap of three candles."""
    names = [f"S{n:02}USDT" for n in range(total)]
    frames = [
        candle_frame(without(10, 11, 12) if n < broken else HOURS, name) for n, name in enumerate(names)
    ]
    begins = dict.fromkeys(names, NOW - timedelta(days=365))
    return judge(pl.concat(frames), H1, symbols=names, begins=begins, now=NOW, lookback=LOOKBACK)


@pytest.mark.parametrize(("broken", "passed"), [(0, True), (2, True), (3, False)])
def test_coverage_of_sixty_symbols(broken: int, passed: bool) -> None:
    verdict = quality.coverage_of(H1, universe(broken, 60), NOW)
    assert verdict.passed is passed
    assert verdict.figures["whole"] == 60 - broken
    assert len(verdict.table) == 60
    assert sum(row["judgement"] != "whole" for row in verdict.table) == broken
    assert [row["symbol"] for row in verdict.table[:broken]] == [f"S{n:02}USDT" for n in range(broken)]
    assert verdict.severity is Severity.ERROR
    if not passed:
        assert "57 of 60 symbols are whole in 1h (95.0%, must be above 95%)" in verdict.text
        assert "S00USDT 1h misses 3 candles in a row" in verdict.text
        assert "--symbols S00USDT,S01USDT,S02USDT --timeframes 1h --start 2026-02-28" in verdict.text


def test_continuity_long_gap_fails_only_inside_the_lookback() -> None:
    recent = find_gaps(candle_frame(without(10, 11, 12)), H1)
    old = find_gaps(candle_frame(without(70, 71, 72)), H1)
    short = find_gaps(candle_frame(without(10, 11)), H1)
    assert not quality.continuity(H1, recent, NOW, LOOKBACK).passed
    assert quality.continuity(H1, short, NOW, LOOKBACK).passed
    verdict = quality.continuity(H1, old, NOW, LOOKBACK)
    assert verdict.passed
    assert verdict.figures["missing_candles"] == 3
    assert verdict.table[0]["value"].startswith("3 candles in a row")


@pytest.mark.parametrize(
    "change",
    [
        {"low": 2.0},
        {"high": 0.5},
        {"close": 3.0},
        {"open": -1.0, "low": -1.0},
        {"volume": -1.0},
        {"close": None},
        {"high": float("inf")},
        {"high": float("nan")},
        {"volume": None},
    ],
)
def test_ohlc_sanity_impossible_candle_fails(change: dict[str, float | None]) -> None:
    frame = candle_frame(HOURS)
    assert candle_quality.ohlc_sanity(H1, frame).passed
    first = pl.int_range(pl.len()) == 0
    spoilt = frame.with_columns(
        pl.when(first).then(pl.lit(value, dtype=pl.Float64())).otherwise(pl.col(name)).alias(name)
        for name, value in change.items()
    )
    verdict = candle_quality.ohlc_sanity(H1, spoilt)
    assert not verdict.passed
    assert f"BTCUSDT {HOURS[-1]:%Y-%m-%d %H:%M}" in verdict.text


def refused(moment: datetime) -> pl.DataFrame:
    """One quarantined row of BTCUSDT."""
    row = {"dataset": "candles_1h", "symbol": "BTCUSDT", "open_time": moment, "reason": "null", "raw": "[]"}
    return pl.DataFrame([{**row, "seen_at": NOW}], schema=DATASETS["quarantine"].schema)


def test_quarantine_fails_until_the_candle_has_healed() -> None:
    stored = candle_frame(without(5))
    verdict = candle_quality.quarantine(H1, refused(NOW - timedelta(hours=5)), stored)
    assert not verdict.passed
    assert "null: 1" in verdict.text
    healed = candle_quality.quarantine(H1, refused(NOW - timedelta(hours=6)), stored)
    assert healed.passed
    assert healed.figures == {"quarantined": 0, "quarantined_ever": 1}


def test_revisions_are_named() -> None:
    none = DATASETS["revisions"].empty()
    assert candle_quality.revisions(H1, none).passed
    row = {"dataset": "candles_1h", "symbol": "BTCUSDT", "open_time": HOURS[0], "field": "close"}
    one = pl.DataFrame([{**row, "before": 1.0, "after": 2.0, "seen_at": NOW}], schema=none.schema)
    verdict = candle_quality.revisions(H1, one)
    assert not verdict.passed
    assert verdict.severity is Severity.WARN
    assert "BTCUSDT 2026-02-28 23:00" in verdict.text


def test_timeframe_consistency_compares_every_whole_group() -> None:
    hourly = candle_frame(HOURS)
    fours = candle_frame([NOW - timedelta(hours=4 * back) for back in range(1, 25)])
    fours = fours.with_columns(volume=pl.lit(4.0))
    agreed = candle_quality.timeframe_consistency(hourly, fours)
    assert agreed.passed
    assert agreed.figures["compared"] == 24
    off = fours.with_columns(high=pl.when(pl.int_range(pl.len()) == 3).then(1.5).otherwise(pl.col("high")))
    verdict = candle_quality.timeframe_consistency(hourly, off)
    assert not verdict.passed
    assert verdict.figures["inconsistent"] == 1
    assert verdict.table[0]["value"] == "high 1 against 1.5"
    thin = fours.with_columns(volume=pl.when(pl.int_range(pl.len()) == 3).then(3.9).otherwise(4.0))
    assert candle_quality.timeframe_consistency(hourly, thin).table[0]["value"] == "volume 4 against 3.9"


@pytest.mark.parametrize(
    ("source", "timeframe"), [(Timeframe.M15, H1), (H1, H4), (H1, Timeframe.D1), (H4, Timeframe.D1)]
)
def test_timeframe_consistency_of_any_two_timeframes(source: Timeframe, timeframe: Timeframe) -> None:
    parts = timeframe.delta // source.delta
    finer = candle_frame([NOW - source.delta * back for back in range(1, 3 * parts + 1)])
    coarser = candle_frame([NOW - timeframe.delta * back for back in range(1, 4)])
    agreed = coarser.with_columns(volume=pl.lit(float(parts)))
    verdict = candle_quality.timeframe_consistency(finer, agreed, timeframe, source)
    assert (verdict.passed, verdict.figures["compared"]) == (True, 3)
    assert candle_quality.timeframe_consistency(finer.tail(-1), agreed, timeframe, source).figures == {
        "compared": 2,
        "inconsistent": 0,
    }, "a group that lacks a candle says nothing"
    off = candle_quality.timeframe_consistency(finer, coarser, timeframe, source)
    assert off.figures["inconsistent"] == 3
    assert f"--timeframes {source},{timeframe} --start" in off.text
    assert [row["feed"] for row in off.table] == [timeframe.value] * 3


@pytest.mark.parametrize(
    "command",
    [
        "crypto-bt data backfill",
        "crypto-bt data repair",
        "crypto-bt data quarantine list",
        "crypto-bt universe remove",
        "crypto-bt sql",
    ],
)
def test_verdict_at_home_names_the_home_in_every_command(command: str) -> None:
    verdict = Verdict(False, f"See {command}.", mend=f"{command} --start 2026-03-01")
    told = verdict.at_home(" --home data/demo")
    assert told.text == (
        f"See {command} --home data/demo. Repair: {command} --home data/demo --start 2026-03-01"
    )
    assert verdict.at_home("") == verdict


def test_verdict_table_has_the_same_columns_in_every_check() -> None:
    row = {"dataset": "candles_1h", "symbol": "BTCUSDT", "open_time": HOURS[0], "field": "close"}
    revised = pl.DataFrame([{**row, "before": 1.0, "after": 2.0, "seen_at": NOW}],
                           schema=DATASETS["revisions"].schema)  # fmt: skip
    wrong = candle_frame(HOURS[:1]).with_columns(low=pl.lit(9.0))
    found = [
        quality.data_age(H1, NOW - timedelta(hours=9), NOW, {"BTCUSDT": NOW - timedelta(hours=9)}),
        quality.coverage_of(H1, universe(3, 60), NOW),
        quality.continuity(H1, find_gaps(candle_frame(without(10, 11, 12)), H1), NOW, LOOKBACK),
        candle_quality.ohlc_sanity(H1, wrong),
        candle_quality.quarantine(H1, refused(NOW - timedelta(hours=5)), candle_frame(without(5))),
        candle_quality.revisions(H1, revised),
        candle_quality.timeframe_consistency(candle_frame(HOURS), candle_frame([NOW - H4.delta])),
    ]
    for verdict in found:
        assert not verdict.passed
        assert verdict.mend
        assert {tuple(line) for line in verdict.table} == {
            ("symbol", "feed", "partition", "value", "limit", "judgement")
        }
        assert all(line["partition"].startswith("2026-0") for line in verdict.table)


def test_not_loaded_passes_quietly_and_shows_the_backfill_command() -> None:
    verdict = not_loaded(NOW)
    assert verdict.passed
    assert "crypto-bt data backfill --start 2025-03-01" in verdict.text


def test_repair_command_names_few_symbols_and_no_crowd() -> None:
    few = repair_command(H4, NOW, NOW, ["BTCUSDT", "BTCUSDT"])
    crowd = repair_command(H4, NOW, NOW, [f"S{n}" for n in range(9)])
    assert few == (
        "crypto-bt data repair --symbols BTCUSDT --timeframes 4h --start 2026-03-01 --end 2026-03-02"
    )
    assert "--symbols" not in crowd


def test_data_age_keeps_to_the_limits_it_is_given() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    ages = AgeLimits.within({Timeframe.H4: timedelta(hours=8)})
    seen = {
        hours: quality.data_age(Timeframe.H4, now - timedelta(hours=hours), now, ages=ages)
        for hours in (4, 5, 9)
    }
    assert [(verdict.passed, verdict.severity) for verdict in seen.values()] == [
        (True, seen[4].severity),
        (False, Severity.WARN),
        (False, Severity.ERROR),
    ]
    assert "limit 8 h" in seen[9].what
