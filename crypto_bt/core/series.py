"""Series that belong to no symbol: what may enter the store, and what a revision becomes."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import polars as pl

from crypto_bt.core.availability import MOMENTARY, available_at
from crypto_bt.core.market import Timeframe
from crypto_bt.core.raw_rows import CONFLICT, Validated, raw_text
from crypto_bt.core.schemas import QUARANTINE_SCHEMA, SERIES_SCHEMA

#: Values that can be meant, by series: lowest and highest, both inclusive.
PLAUSIBLE: Final[Mapping[str, tuple[float, float]]] = {
    "fear_greed": (0.0, 100.0),
    "btc_dominance": (0.0, 100.0),
    "total_market_cap": (1e9, 1e15),
    "stablecoin_supply": (0.0, 1e14),
    "VIXCLS": (1.0, 200.0),
    "SP500": (100.0, 1e6),
    "DTWEXBGS": (50.0, 250.0),
    "DFF": (-5.0, 50.0),
    "DGS10": (-5.0, 50.0),
    "T10Y2Y": (-25.0, 25.0),
    "CPIAUCSL": (10.0, 10_000.0),
}
#: What each series is, and its unit.
MEANING: Final[Mapping[str, tuple[str, str]]] = {
    "fear_greed": ("fear & greed index of the crypto market", "points"),
    "btc_dominance": ("share of BTC in the capitalisation of all coins", "percent"),
    "total_market_cap": ("capitalisation of all coins", "US dollars"),
    "stablecoin_supply": ("stablecoins in circulation", "US dollars"),
    "VIXCLS": ("CBOE volatility index, close", "points"),
    "SP500": ("S&P 500, close", "points"),
    "DTWEXBGS": ("broad dollar index, January 2006 = 100", "points"),
    "DFF": ("effective federal funds rate", "percent a year"),
    "DGS10": ("10-year US treasury yield", "percent a year"),
    "T10Y2Y": ("10-year less 2-year US treasury yield", "percentage points"),
    "CPIAUCSL": ("US consumer prices, all items, 1982-84 = 100, seasonally adjusted", "points"),
}
#: How a source writes that there is no value.
MISSING: Final = frozenset({"", "."})
#: A decimal text; float() would also take underscores, words and the digits of other scripts.
_DECIMAL: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def validate_series(
    rows: Sequence[tuple[object, object]],
    *,
    dataset: str,
    series: str,
    start: datetime,
    end: datetime,
    now: datetime,
) -> Validated:
    """Sort rows (time, value) of ``series`` into observations in [``start``, ``end``) and refused rows.

    A time is a date text, or seconds since 1970 as text or number; a value a number or its decimal text. A
    missing value is no row and not refused. Rows outside the window are left out: sources answer with all
    they have. Equal duplicates count once, different ones are all refused. Never raises for what rows hold.
    """
    found: dict[datetime, dict[float, object]] = {}
    refused: list[tuple[datetime, str, object]] = []
    for row in rows:
        moment, value = _moment(row[0], series), _number(row[1])
        if (isinstance(row[1], str) and row[1].strip() in MISSING) or row[1] is None:
            continue
        if moment is None:
            refused.append((start, "unreadable time", row))
        elif not start <= moment < end:
            continue
        elif moment > now:
            refused.append((moment, "future", row))
        elif value is None:
            refused.append((moment, "not a number", row))
        elif not PLAUSIBLE[series][0] <= value <= PLAUSIBLE[series][1]:
            refused.append((moment, "implausible", row))
        else:
            found.setdefault(moment, {})[value] = row
    good = {moment: next(iter(values)) for moment, values in found.items() if len(values) == 1}
    for moment, values in found.items():
        if len(values) > 1:
            refused += [(moment, CONFLICT, row) for row in values.values()]
    frame = pl.DataFrame(
        [(series, moment, good[moment], available_at(series, moment)) for moment in sorted(good)],
        schema=SERIES_SCHEMA,
        orient="row",
    )
    return Validated(frame, _quarantine(dataset, series, refused, now))


def revised_rows(stored: pl.DataFrame, fetched: pl.DataFrame, seen_at: datetime) -> pl.DataFrame:
    """The rows of ``fetched`` that ``stored`` does not have, both in the schema of series.

    An observation that is new keeps its own available_at. One whose latest stored value differs becomes a
    row known from ``seen_at`` on, if that is later: what was known before stays. Sorted by key.
    """
    place = ["series", "observed_at"]
    latest = (
        stored.sort("available_at", maintain_order=True)
        .unique(place, keep="last", maintain_order=True)
        .select(*place, before="value")
    )
    seen = pl.lit(seen_at).cast(SERIES_SCHEMA["available_at"])
    known = pl.col("before").is_not_null()
    return (
        fetched.join(latest, on=place, how="left")
        .filter(~known | (pl.col("before") != pl.col("value")))
        .with_columns(
            available_at=pl.when(known)
            .then(pl.max_horizontal("available_at", seen))
            .otherwise("available_at")
        )
        .select(list(SERIES_SCHEMA))
        .sort("series", "observed_at", "available_at")
    )


def _moment(value: object, series: str) -> datetime | None:
    """A date text or seconds since 1970, as UTC; floored to the minute or the day."""
    try:
        if isinstance(value, bool):
            return None
        if isinstance(value, int | float):
            moment = datetime.fromtimestamp(value, UTC)
        elif isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal():
            moment = datetime.fromtimestamp(int(value), UTC)
        elif isinstance(value, str):
            moment = datetime.strptime(value.strip(), "%Y-%m-%d").replace(tzinfo=UTC)
        else:
            return None
    except (ValueError, OverflowError, OSError):
        return None
    if series in MOMENTARY:
        return moment.replace(second=0, microsecond=0)
    return Timeframe.D1.floor(moment)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not _DECIMAL.fullmatch(value.strip()):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _quarantine(
    dataset: str, series: str, refused: Sequence[tuple[datetime, str, object]], now: datetime
) -> pl.DataFrame:
    texts: dict[tuple[datetime, str], dict[str, None]] = {}
    for moment, reason, row in refused:
        texts.setdefault((moment, reason), {})[raw_text(row)] = None
    return pl.DataFrame(
        [
            (dataset, series, moment, reason, "\n".join(raws), now)
            for (moment, reason), raws in sorted(texts.items())
        ],
        schema=QUARANTINE_SCHEMA,
        orient="row",
    )
