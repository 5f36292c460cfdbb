"""Series out of a recording: ``macro_sentiment.parquet`` (series, date, value), an optional file.

A day's value shows from the time at which its source would have published it. Whatever the recording lacks
is absent: it has no total market capitalisation.
"""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Final

import polars as pl

from crypto_bt.simulator.series import DOMINANCE, FEAR_GREED, STABLECOINS, Observation, publication

SERIES_FILE: Final = "macro_sentiment.parquet"
#: The recording's own names.
_RECORDED_AS: Final = {
    "DTWEXBGS": "usd_broad_index",
    "DFF": "fed_funds_rate",
    "DGS10": "us10y",
    "T10Y2Y": "us_2s10s",
    "CPIAUCSL": "cpi_index",
    "VIXCLS": "vix",
    "SP500": "sp500",
    FEAR_GREED: "fear_greed",
    DOMINANCE: "btc_dominance",
    STABLECOINS: "stablecoin_supply",
}


class RecordedSeries:
    """What ``folder`` holds; see :class:`~crypto_bt.simulator.series.SeriesMarket`."""

    def __init__(self, folder: Path) -> None:
        self._observations: dict[str, list[Observation]] = {}
        path = folder / SERIES_FILE
        if not path.is_file():
            return
        rows = pl.read_parquet(path, columns=["series", "date", "value"]).sort("series", "date")
        for series, name in _RECORDED_AS.items():
            self._observations[series] = [
                Observation(day, value)
                for day, value in rows.filter(pl.col("series") == name).select("date", "value").iter_rows()
            ]

    def published(self, series: str, now: datetime) -> list[Observation]:
        """See :class:`~crypto_bt.simulator.series.SeriesMarket`."""
        return [row for row in self._observations.get(series, []) if publication(series, row.day) <= now]

    def latest(self, series: str, now: datetime) -> tuple[datetime, float] | None:
        """See :class:`~crypto_bt.simulator.series.SeriesMarket`; a day's value is taken at its end."""
        for row in reversed(self._observations.get(series, [])):
            taken = datetime.combine(row.day + timedelta(days=1), time(), UTC)
            if taken <= now and row.value is not None:
                return taken, row.value
        return None
