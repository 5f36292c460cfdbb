"""FRED, the macro series of the Federal Reserve of St. Louis: its JSON interface and its keyless CSV."""

import re
from datetime import UTC, date, datetime
from typing import Final

from crypto_bt.simulator.market import decimal_text
from crypto_bt.simulator.replies import Query, Reply, json_reply
from crypto_bt.simulator.series import FRED_SERIES, Observation, SeriesMarket

_NO_PAGE: Final = "<!DOCTYPE html><html><body><h1>Page Not Found</h1></body></html>"
_KEY: Final = re.compile(r"[0-9a-z]{32}")
_FIRST_DAY, _LAST_DAY = date(1776, 7, 4), date(9999, 12, 31)
_MOST_OBSERVATIONS: Final = 100_000


def fred_observations(series: SeriesMarket, now: datetime, query: Query) -> Reply:
    """FRED's JSON interface: a missing value is "."; refusals name the variable."""
    key = query.get("api_key")
    if key is None:
        return _refusal("Variable api_key is not set.")
    if not _KEY.fullmatch(key):
        return _refusal(
            "The value for variable api_key is not a 32 character alpha-numeric lower-case string."
        )
    if query.get("file_type") != "json":
        return _refusal("Variable file_type is not json, the only type that is served here.")
    if query.get("series_id") not in FRED_SERIES:
        return _refusal("The series does not exist.")
    try:
        first, last = _day(query, "observation_start", _FIRST_DAY), _day(query, "observation_end", _LAST_DAY)
    except ValueError as error:
        return _refusal(f"Variable {error} is not a valid date in YYYY-MM-DD format.")
    today = now.date().isoformat()
    rows = [row for row in series.published(query["series_id"], now) if first <= row.day <= last]
    return json_reply(
        {
            "realtime_start": today,
            "realtime_end": today,
            "observation_start": first.isoformat(),
            "observation_end": last.isoformat(),
            "units": "lin",
            "output_type": 1,
            "file_type": "json",
            "order_by": "observation_date",
            "sort_order": "asc",
            "count": len(rows),
            "offset": 0,
            "limit": _MOST_OBSERVATIONS,
            "observations": [
                {
                    "realtime_start": today,
                    "realtime_end": today,
                    "date": row.day.isoformat(),
                    "value": _value(row, "."),
                }
                for row in rows
            ],
        }
    )


def fred_csv(series: SeriesMarket, now: datetime, query: Query) -> Reply:
    """FRED's graph as CSV: a missing value is blank; an unknown series is a page that is not found."""
    name = query.get("id", "")
    try:
        first, last = _day(query, "cosd", _FIRST_DAY), _day(query, "coed", _LAST_DAY)
    except ValueError:
        name = ""
    if name not in FRED_SERIES:
        return Reply(_NO_PAGE.encode(), "text/html", 404)
    rows = [row for row in series.published(name, now) if first <= row.day <= last]
    lines = [f"observation_date,{name}", *(f"{row.day.isoformat()},{_value(row, '')}" for row in rows)]
    return Reply(("\n".join(lines) + "\n").encode(), "text/csv")


def _refusal(what: str) -> Reply:
    return json_reply({"error_code": 400, "error_message": f"Bad Request.  {what}"}, 400)


def _day(query: Query, name: str, default: date) -> date:
    text = query.get(name)
    try:
        return default if text is None else datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise ValueError(name) from None


def _value(row: Observation, missing: str) -> str:
    return missing if row.value is None else decimal_text(row.value)
