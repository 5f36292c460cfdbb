"""Bad input gets one clear sentence."""

from datetime import UTC, datetime

import pytest

from crypto_bt.commands.options import parse_datasets, parse_days, parse_symbols
from crypto_bt.core.errors import UsageError

NOW = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
KEPT = ("candles_1h", "candles_4h", "candles_1d")
UNIVERSE = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def day(text: str) -> datetime:
    """Midnight UTC."""
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)


def test_parse_days_without_an_end_includes_today() -> None:
    assert parse_days("2026-11-01", None, NOW) == (day("2026-11-01"), day("2026-11-22"))


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        ("2026-11-01", "2026-11-01", "--end 2026-11-01 is not after --start 2026-11-01"),
        ("2026-11-10", "2026-11-01", "is not after"),
        ("2026-11-22", None, "--start 2026-11-22 is in the future"),
        ("2026-11-01", "2026-11-23", "--end 2026-11-23 is in the future"),
        ("2010-01-01", None, "before the exchange's first day"),
        ("yesterday", None, "--start 'yesterday' is not a date"),
        ("2026-02-30", None, "is not a date"),
    ],
)
def test_parse_days_impossible_spans_are_refused(start: str, end: str | None, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_days(start, end, NOW)


def test_parse_symbols_takes_a_list_a_number_or_nothing() -> None:
    assert parse_symbols("ethusdt, BTCUSDT,ETHUSDT", UNIVERSE) == ["ETHUSDT", "BTCUSDT"]
    assert parse_symbols("2", UNIVERSE) == ["BTCUSDT", "ETHUSDT"]
    assert parse_symbols(None, UNIVERSE) == list(UNIVERSE)


@pytest.mark.parametrize("text", ["NOPEUSDT", "BTCUSDT,NOPEUSDT", "0", "4", ",", "BTC/USDT"])
def test_parse_symbols_unknown_ones_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_symbols(text, UNIVERSE)


def test_parse_datasets_takes_timeframes_and_feeds() -> None:
    asked = parse_datasets("1d,1h,funding_rates,candles_1h", KEPT)
    assert asked == ["candles_1d", "candles_1h", "funding_rates"]
    assert parse_datasets(None, KEPT)[:3] == list(KEPT)
    assert {"open_interest", "macro_series", "market_regime"} < set(parse_datasets(None, KEPT))
    with pytest.raises(UsageError, match="Unknown timeframes: 5m"):
        parse_datasets("1h,5m", KEPT)
    with pytest.raises(UsageError, match="Set TIMEFRAMES=15m,1h,4h,1d"):
        parse_datasets("15m", KEPT)
    assert parse_datasets("15m", ("candles_15m", *KEPT)) == ["candles_15m"]
