"""What really went wrong in real collections: each file is caught by name, or shown to do no harm."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crypto_bt.core.candle_flags import flag_candles
from crypto_bt.core.candle_quality import impossible, timeframe_consistency
from crypto_bt.core.candles import revisions, validate_candles
from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import Timeframe, from_milliseconds, parse_symbol, to_milliseconds
from crypto_bt.core.quality import continuity
from crypto_bt.core.raw_rows import Validated
from crypto_bt.core.wholeness import find_gaps
from crypto_bt.defs.foreign_files import Hints, read_file
from crypto_bt.sources.exchange_info import listings_of
from crypto_bt_tests.faults.recorded_feeds import (
    DEFECTS,
    END,
    START,
    Row,
    by_symbol,
    check_blank_metrics,
    check_blank_values,
    check_dominance,
    check_funding_kept,
    check_missing_points,
    check_two_feeds,
    check_unsorted_half_hours,
    lines,
)
from crypto_bt_tests.recorded import RECORDED, needs_recorded

HOUR = Timeframe.H1.delta
FIGURES = ("open", "high", "low", "close", "volume")


def rest_row(row: Row, time: str = "open_time", suffix: str = "") -> list[object]:
    """A candle as the exchange would have sent it."""
    opened = int(row[time])
    figures = [row[name + suffix] for name in FIGURES]
    return [opened, *figures, opened + Timeframe.H1.milliseconds - 1, None, None, None, None, "0"]


def validated(rows: list[object], symbol: str, now: datetime = END) -> Validated:
    return validate_candles(rows, dataset="candles_1h", symbol=symbol, start=START, end=END, now=now)


def check_coverage_gap(name: str) -> None:
    """A hole of 5,529 hours is found as one gap, and the check on continuity names it."""
    [row] = lines(name)
    candles = pl.read_parquet(RECORDED / "candles_1h.parquet").filter(symbol=row["symbol"])
    gaps = find_gaps(candles.sort("open_time"), Timeframe.H1)
    worst = max(gaps, key=lambda gap: gap.missing)
    assert (worst.missing, worst.start) == (
        int(row["missing_bars"]),
        datetime.fromisoformat(row["last_before_gap"]) + HOUR,
    )
    assert worst.end == datetime.fromisoformat(row["first_after_gap"])
    verdict = continuity(Timeframe.H1, gaps, worst.end + HOUR, timedelta(days=30))
    assert not verdict.passed
    assert f"{row['symbol']} 1h 5529 candles in a row" in verdict.text


def check_skipped_symbols(name: str) -> None:
    """Symbols that are not ASCII are refused by name, and never half taken from the listings."""
    skipped = json.loads((DEFECTS / name).read_text())["symbols_without_file"]
    odd = [symbol for symbol in skipped if not symbol.isascii()]
    assert len(odd) == 3
    for symbol in odd:
        with pytest.raises(UsageError, match=symbol):
            parse_symbol(symbol)
    entries = [
        {
            "symbol": symbol,
            "contractType": "PERPETUAL",
            "marginAsset": "USDT",
            "status": "TRADING",
            "onboardDate": to_milliseconds(START),
        }
        for symbol in skipped
    ]
    assert set(listings_of({"symbols": entries})) == set(skipped) - set(odd)


def check_true_wicks(name: str) -> None:
    """Wicks of a crash are true: none is refused, none counts as impossible."""
    wildest = 0.0
    for symbol, rows in by_symbol(name).items():
        valid = validated([rest_row(row) for row in rows], symbol)
        assert valid.quarantine.is_empty()
        assert valid.frame.height == len(rows)
        assert impossible(valid.frame).is_empty()
        wildest = max(wildest, *(valid.frame["high"] / valid.frame["low"]))
    assert wildest > 19


def check_incomplete_last_bar(name: str) -> None:
    """A bar saved before its close is refused while it is open; where others stored it, it is revised."""
    for symbol, [row] in by_symbol(name).items():
        early, final = rest_row(row, "timestamp"), rest_row(row, "timestamp", "_final")
        opened = from_milliseconds(int(row["timestamp"]))
        [(reason, time)] = (
            validated([early], symbol, opened + HOUR - timedelta(seconds=1))
            .quarantine.select("reason", "open_time")
            .rows()
        )
        assert (reason, time) == ("unclosed", opened)
        assert set(validated([early, final], symbol).quarantine["reason"]) == {"conflicting duplicate"}
        changed = revisions(
            validated([early], symbol).frame, validated([final], symbol).frame, "candles_1h", END
        )
        differing = {f for f in FIGURES if float(row[f]) != float(row[f + "_final"])}
        assert {"volume", "close"} & differing
        assert set(changed["field"]) == differing


def check_pointer(name: str) -> None:
    """A pointer in place of the data is named as that, with the command that fetches the data."""
    with pytest.raises(UsageError, match=r"Git LFS pointer of 131 bytes.*git lfs pull"):
        read_file(DEFECTS / name, Hints("candles_1h", "BTCUSDT"), END)


def check_collectors_file(name: str) -> None:
    """The importer leaves out the last bar of a collector's file: it may have been open."""
    rows = lines(name)
    found = read_file(DEFECTS / name, Hints("candles_1h", "BTCUSDT"), END)
    assert (found.frame.height, found.left_out) == (len(rows) - 1, 1)
    assert found.quarantine.is_empty()
    times = [to_milliseconds(time) for time in found.frame["open_time"]]
    assert times == [int(row["timestamp"]) for row in rows[:-1]]


def check_inconsistent_timeframes(name: str) -> None:
    """Where the exchange's own timeframes disagree, the check finds the very candles that the file names."""
    columns = ["symbol", "open_time", *FIGURES]
    finer = pl.read_parquet(RECORDED / "candles_1h.parquet", columns=columns)
    for timeframe, compared in ((Timeframe.H4, "1h->4h"), (Timeframe.D1, "1h->1d")):
        told = [row for row in lines(name) if row["cmp"] == compared]
        keys = pl.DataFrame(
            {
                "symbol": [row["symbol"] for row in told],
                "open_time": [from_milliseconds(int(row["o4"])) for row in told],
            },
            schema_overrides={"open_time": finer.schema["open_time"]},
        )
        coarser = pl.read_parquet(RECORDED / f"candles_{timeframe}.parquet", columns=columns).join(
            keys, on=["symbol", "open_time"], how="semi"
        )
        verdict = timeframe_consistency(finer, coarser, timeframe)
        assert not verdict.passed
        assert verdict.figures["inconsistent"] == len(told) > 0


def check_zero_volume(name: str) -> None:
    """An hour without a trade is true: kept, and no stale run however long."""
    for symbol, rows in by_symbol(name).items():
        valid = validated([rest_row(row) for row in rows], symbol)
        assert valid.quarantine.is_empty()
        assert valid.frame["volume"].to_list() == [0.0] * len(rows)
        one = valid.frame.head(1)
        later = [one.with_columns(pl.col("open_time") + hours * HOUR) for hours in range(5)]
        assert flag_candles(pl.concat(later), Timeframe.H1).is_empty()


CASES: dict[str, Callable[[str], None]] = {
    "btc_dominance_raw.csv": check_dominance,
    "btc_long_short_30m_unsorted_raw.csv": check_unsorted_half_hours,
    "btc_metrics_1d_with_90_blank_rows_raw.csv": check_blank_metrics,
    "candle_coverage_gaps.csv": check_coverage_gap,
    "collector_skipped_symbols.json": check_skipped_symbols,
    "dxy_raw_with_blank_values.csv": check_blank_values,
    "extreme_wicks_1h.csv": check_true_wicks,
    "funding_extremes.csv": check_funding_kept,
    "funding_gaps.csv": check_funding_kept,
    "funding_interval_changes.csv": check_funding_kept,
    "funding_same_event_two_feeds_ms_jitter.csv": check_two_feeds,
    "incomplete_last_bar_1h.csv": check_incomplete_last_bar,
    "not_a_feather_lfs_pointer.feather": check_pointer,
    "open_interest_4h_missing_points.csv": check_missing_points,
    "raw_collector_BTCUSDT_1h_last24_incomplete_last_bar.csv": check_collectors_file,
    "timeframe_inconsistencies.csv": check_inconsistent_timeframes,
    "zero_volume_bars_1h.csv": check_zero_volume,
}


@needs_recorded
def test_defects_every_recorded_file_has_a_case() -> None:
    assert sorted(path.name for path in DEFECTS.iterdir()) == sorted(CASES)


@needs_recorded
@pytest.mark.parametrize("name", CASES)
def test_defects_recorded_file_is_caught_or_harmless(name: str) -> None:
    assert (DEFECTS / name).stat().st_size > 0
    CASES[name](name)


def test_defects_path_is_outside_of_the_project() -> None:
    assert Path(__file__).resolve().parents[2] not in DEFECTS.parents
