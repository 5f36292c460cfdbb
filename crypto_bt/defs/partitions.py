"""Days, and how fresh each asset has to be."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from crypto_bt.core.market import EXCHANGE_OPENED

#: The current day counts, hence the offset.
DAILY: Final = dg.DailyPartitionsDefinition(start_date=f"{EXCHANGE_OPENED:%Y-%m-%d}", end_offset=1)

#: Run tag with which Dagster names a run's single partition.
PARTITION: Final = "dagster/partition"
#: Run tags with which Dagster names a range of partitions for a single run.
RANGE_START: Final = "dagster/asset_partition_range_start"
RANGE_END: Final = "dagster/asset_partition_range_end"


def _window(warn: timedelta, fail: timedelta) -> dg.FreshnessPolicy:
    return dg.FreshnessPolicy.time_window(fail_window=fail, warn_window=warn)


FRESHNESS: Final = {
    "candles_1h": _window(timedelta(hours=3), timedelta(hours=6)),
    "candles_4h": _window(timedelta(hours=12), timedelta(hours=24)),
    "candles_1d": _window(timedelta(days=3), timedelta(days=7)),
}
DAILY_FRESHNESS: Final = _window(timedelta(hours=26), timedelta(hours=50))
HEALTH_FRESHNESS: Final = _window(timedelta(minutes=30), timedelta(hours=1))
WEEKLY_FRESHNESS: Final = _window(timedelta(days=8), timedelta(days=15))


def day_key(day: datetime) -> str:
    """Partition key of the day that contains ``day``."""
    return day.astimezone(UTC).strftime("%Y-%m-%d")


def symbol_range_tags(symbols: Sequence[str]) -> dict[str, str]:
    """Run tags for the partitions of all ``symbols``, in their order."""
    return {RANGE_START: symbols[0], RANGE_END: symbols[-1]}


def range_tags(start: datetime, end: datetime) -> dict[str, str]:
    """Run tags for the days from ``start`` to ``end`` (exclusive)."""
    return {
        RANGE_START: day_key(start),
        RANGE_END: day_key(end - timedelta(milliseconds=1)),
    }
