"""FRED, the series of the St. Louis Fed: JSON with a key, keyless CSV files without."""

import csv
import io
from typing import Final

from crypto_bt.sources.series_client import SeriesClient, json_of
from crypto_bt.sources.series_http import HttpSeriesSource, Rows
from crypto_bt.sources.source import FetchRequest

API_URL: Final = "https://api.stlouisfed.org"
CSV_URL: Final = "https://fred.stlouisfed.org"
SERIES: Final = ("DTWEXBGS", "DFF", "DGS10", "T10Y2Y", "CPIAUCSL", "VIXCLS", "SP500")


class FredApi(HttpSeriesSource):
    """``/fred/series/observations``; a value of ``.`` means there is none."""

    name = "FRED"
    dataset = "macro_series"
    series = SERIES

    def __init__(self, client: SeriesClient, key: str) -> None:
        super().__init__(client)
        self._key = key

    async def rows(self, request: FetchRequest) -> Rows:
        """The observations of the window."""
        query = {
            "series_id": request.symbol,
            "api_key": self._key,
            "file_type": "json",
            "observation_start": f"{request.start:%Y-%m-%d}",
            "observation_end": f"{request.end:%Y-%m-%d}",
        }
        return await self._client.get("/fred/series/observations", query, _read_json)


class FredCsv(HttpSeriesSource):
    """``fredgraph.csv``: a header with the series' name, then date and value; blank or ``.`` means none."""

    name = "FRED"
    dataset = "macro_series"
    series = SERIES

    async def rows(self, request: FetchRequest) -> Rows:
        """The observations of the window."""
        query = {
            "id": request.symbol,
            "cosd": f"{request.start:%Y-%m-%d}",
            "coed": f"{request.end:%Y-%m-%d}",
        }
        return await self._client.get(
            "/graph/fredgraph.csv", query, lambda body: _read_csv(body, request.symbol)
        )


def _read_json(body: bytes) -> Rows | None:
    answer = json_of(body)
    data = answer.get("observations") if isinstance(answer, dict) else None
    if not isinstance(data, list):
        return None
    return [
        (item.get("date"), item.get("value")) if isinstance(item, dict) else (None, item) for item in data
    ]


def _read_csv(body: bytes, series: str) -> Rows | None:
    try:
        lines = list(csv.reader(io.StringIO(body.decode("utf-8-sig"))))
    except csv.Error:
        return None
    if not lines or [name.strip() for name in lines[0][1:]] != [series]:
        return None
    return [(line[0], line[1]) if len(line) == 2 else (None, ",".join(line)) for line in lines[1:] if line]
