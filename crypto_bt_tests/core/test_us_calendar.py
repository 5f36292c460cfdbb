"""The calendars behind the US series."""

from datetime import date, timedelta

import polars as pl
import pytest

from crypto_bt.core.us_calendar import business_day, next_business_day, trading_day
from crypto_bt_tests.recorded import RECORDED, needs_recorded


@pytest.mark.parametrize(
    ("day", "offices", "exchanges"),
    [
        ("2025-07-04", False, False),
        ("2025-10-13", False, True),
        ("2025-11-11", False, True),
        ("2025-04-18", True, False),
        ("2026-07-03", True, False),
        ("2021-12-24", True, False),
        ("2023-01-02", False, False),
        ("2026-01-19", False, False),
        ("2026-03-14", False, False),
        ("2026-03-16", True, True),
    ],
)
def test_calendar_knows_holidays_and_weekends(day, offices, exchanges):
    assert (business_day(date.fromisoformat(day)), trading_day(date.fromisoformat(day))) == (
        offices,
        exchanges,
    )


def test_next_business_day_skips_weekend_and_holiday():
    assert next_business_day(date(2026, 1, 16)) == date(2026, 1, 20)


@needs_recorded
def test_trading_days_are_those_of_the_recorded_stock_index():
    rows = pl.read_parquet(RECORDED / "macro_sentiment.parquet").filter(pl.col("series") == "sp500")
    recorded = set(rows["date"].to_list())
    first, last = min(recorded), max(recorded)
    days = {first + timedelta(days=number) for number in range((last - first).days + 1)}

    # Two days of mourning are in no calendar.
    assert {day for day in days if trading_day(day)} - recorded == {date(2018, 12, 5), date(2025, 1, 9)}
    assert recorded <= {day for day in days if trading_day(day)}
