"""What really went wrong in real collections: each file is caught by name, or shown to do no harm."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from crypto_bt.core.candle_flags import flag_candles
from crypto_bt.core.candle_quality import impossible, timeframe_consistency
from crypto_bt.core.candles import revisions, validate_candles
from crypto_bt.core.errors import UsageError
from crypto_bt.core.funding import validate_funding
from crypto_bt.core.market import Timeframe, from_milliseconds, parse_symbol, to_milliseconds
from crypto_bt.core.metrics_rows import validate_metrics
from crypto_bt.core.positioning import validate_long_short_ratio, validate_open_interest
from crypto_bt.core.quality import continuity
from crypto_bt.core.raw_rows import Validated
from crypto_bt.core.series import validate_series
from crypto_bt.core.wholeness import find_gaps
from crypto_bt.defs.foreign_files import Hints, read_file
from crypto_bt.sources.exchange_info import listings_of
from crypto_bt_tests.recorded import RECORDED, needs_recorded

DEFECTS = RECORDED / "defects"
START, END = datetime(2010, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
HOUR = Timeframe.H1.delta
FIGURES = ("open", "high", "low", "close", "volume")
Row = dict[str, str]


def lines(name: str) -> list[Row]:
    with (DEFECTS / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def rest_row(row: Row, time: str = "open_time", suffix: str = "") -> list[object]:
    """A candle as the exchange would have sent it."""
    opened = int(row[time])
    figures = [row[name + suffix] for name in FIGURES]
    return [opened, *figures, opened + Timeframe.H1.milliseconds - 1, None, None, None, None, "0"]


def validated(rows: list[object], symbol: str, now: datetime = END) -> Validated:
    return validate_candles(rows, dataset="candles_1h", symbol=symbol, start=START, end=END, now=now)


def by_symbol(name: str, symbol: str = "symbol") -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in lines(name):
        found.setdefault(row[symbol], []).append(row)
    return found


def settlements(rows: list[Row], symbol: str) -> Validated:
    wire = [
        {"symbol": symbol, "fundingTime": int(row["funding_time"]), "fundingRate": row["funding_rate"]}
        for row in rows
    ]
    return validate_funding(wire, dataset="funding_rates", symbol=symbol, start=START, end=END, now=END)


def check_dominance(name: str) -> None:
    """Shares of more than 100 % are refused one by one; days that are missing stay missing."""
    rows = lines(name)
    valid = validate_series(
        [(row["date"], row["btc_dominance"]) for row in rows],
        dataset="btc_dominance", series="btc_dominance", start=START, end=END, now=END,
    )  # fmt: skip
    impossible_days = [row["date"] for row in rows if float(row["btc_dominance"]) > 100]
    refused = valid.quarantine
    assert impossible_days
    assert [f"{day:%Y-%m-%d}" for day in refused["open_time"]] == impossible_days
    assert set(refused["reason"]) == {"implausible"}
    assert valid.frame.height == len(rows) - len(impossible_days)
    days = valid.frame["observed_at"]
    assert (days.max() - days.min()) // timedelta(days=1) + 1 > len(rows), "the gaps in it are not filled"


def check_unsorted_half_hours(name: str) -> None:
    """Disorder is put right; what lies between the hours is refused, not averaged into them."""
    rows = [
        {
            **{key: row[key] for key in ("symbol", "longAccount", "longShortRatio", "shortAccount")},
            "timestamp": to_milliseconds(datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)),
        }
        for row in lines(name)
    ]
    stamps = [int(str(row["timestamp"])) for row in rows]
    assert stamps != sorted(stamps)
    valid = validate_long_short_ratio(
        rows, dataset="long_short_ratio", symbol="BTCUSDT", start=START, end=END, now=END
    )
    kept = [to_milliseconds(time) for time in valid.frame["observed_at"]]
    assert kept == sorted({stamp for stamp in stamps if stamp % Timeframe.H1.milliseconds == 0})
    assert set(valid.quarantine["reason"]) == {"misaligned"}
    assert {to_milliseconds(time) for time in valid.quarantine["open_time"]} == set(stamps) - set(kept)


def check_blank_metrics(name: str) -> None:
    """Blank rows are no rows; daily sums without an hour say so and are refused, every one."""
    text = (DEFECTS / name).read_text().splitlines()[1:]
    rows = [line.split(",") for line in text]
    blank = [row for row in rows if not any(row[1:])]
    assert len(blank) == 90
    for dataset in ("open_interest", "long_short_ratio"):
        valid = validate_metrics(
            {START: rows}, dataset=dataset, symbol="BTCUSDT", start=START, end=END, now=END
        )
        assert valid.frame.is_empty()
        assert set(valid.quarantine["reason"]) == {"unreadable time"}
        refused = [line for raw in valid.quarantine["raw"] for line in raw.split("\n")]
        assert len(refused) == len(rows) - len(blank)


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


def check_blank_values(name: str) -> None:
    """A blank value is no value: the day is missing, not zero and not refused."""
    rows = lines(name)
    valid = validate_series(
        [(row["date"], row["dxy"]) for row in rows],
        dataset="macro_series", series="DTWEXBGS", start=START, end=END, now=END,
    )  # fmt: skip
    given = {row["date"] for row in rows if row["dxy"].strip()}
    assert 0 < len(given) < len(rows)
    assert {f"{day:%Y-%m-%d}" for day in valid.frame["observed_at"]} == given
    assert valid.quarantine.is_empty()


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


def check_funding_kept(name: str) -> None:
    """Extreme rates, long pauses and new intervals are true: each settlement is kept as it is."""
    rows = by_symbol(name)
    assert rows
    for symbol, group in rows.items():
        valid = settlements(group, symbol)
        assert valid.quarantine.is_empty()
        kept = dict(valid.frame.select("funding_time", "funding_rate").iter_rows())
        assert kept == {
            from_milliseconds(int(row["funding_slot"])): float(row["funding_rate"]) for row in group
        }


def check_two_feeds(name: str) -> None:
    """Two feeds of one settlement, some milliseconds apart, are one settlement."""
    rows = lines(name)
    valid = settlements(rows, "BTCUSDT")
    exact = {row["funding_time"] for row in rows if row["feed"] == "exact_ms"}
    rounded = {row["funding_time"] for row in rows if row["feed"] == "rounded_hour"}
    assert len(exact - rounded) > 50, "they would not join on equal times"
    assert valid.quarantine.is_empty()
    assert {str(to_milliseconds(time)) for time in valid.frame["funding_time"]} == rounded


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


def check_missing_points(name: str) -> None:
    """The points beside a missing one are kept, and nothing is put between them."""
    for symbol, rows in by_symbol(name, "fsym").items():
        stamps = sorted({datetime.fromisoformat(row[end]) for row in rows for end in ("last", "next")})
        wire = [
            {
                "symbol": symbol,
                "sumOpenInterest": "10",
                "sumOpenInterestValue": "20",
                "timestamp": to_milliseconds(stamp),
            }
            for stamp in stamps
        ]
        valid = validate_open_interest(
            wire, dataset="open_interest", symbol=symbol, start=START, end=END, now=END
        )
        assert valid.frame["observed_at"].to_list() == stamps
        assert valid.quarantine.is_empty()
        for row in rows:
            gap = datetime.fromisoformat(row["next"]) - datetime.fromisoformat(row["last"])
            assert gap == 2 * Timeframe.H4.delta


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
    CASES[name](name)


def test_defects_path_is_outside_of_the_project() -> None:
    assert Path(__file__).resolve().parents[2] not in DEFECTS.parents
