"""Recorded defects of what is no candle: series, positioning, funding; each caught by name, or harmless."""

import csv
from datetime import UTC, datetime, timedelta

from crypto_bt.core.funding import validate_funding
from crypto_bt.core.market import Timeframe, from_milliseconds, to_milliseconds
from crypto_bt.core.metrics_rows import validate_metrics
from crypto_bt.core.positioning import validate_long_short_ratio, validate_open_interest
from crypto_bt.core.raw_rows import Validated
from crypto_bt.core.series import validate_series
from crypto_bt_tests.recorded import RECORDED

DEFECTS = RECORDED / "defects"
START, END = datetime(2010, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
Row = dict[str, str]


def lines(name: str) -> list[Row]:
    with (DEFECTS / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


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
