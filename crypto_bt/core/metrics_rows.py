"""Rows of the exchange's public archive of metrics: who holds what every five minutes; the hours are kept.

Until 2026-06-24 a row told of the moment of its stamp, and a file ended with the next midnight; since then a
row tells of five minutes after its stamp, and a file begins with its own midnight (binance-public-data, issue
491). Both lie before ``AVAILABLE_AFTER`` of the stamp, so stamps are stored as they are.
"""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.core.positioning import validate_long_short_ratio, validate_open_interest
from crypto_bt.core.raw_rows import Validated

COLUMNS: Final = (
    "create_time", "symbol", "sum_open_interest", "sum_open_interest_value",
    "count_toptrader_long_short_ratio", "sum_toptrader_long_short_ratio", "count_long_short_ratio",
    "sum_taker_long_short_vol_ratio",
)  # fmt: skip
#: Columns that each dataset is made of: counts are of all accounts.
FIGURES: Final = {
    "open_interest": ("sum_open_interest", "sum_open_interest_value"),
    "long_short_ratio": ("count_long_short_ratio",),
}
_PLACES: Final = {
    name: tuple(COLUMNS.index(column) for column in columns) for name, columns in FIGURES.items()
}
_STAMP: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_FIVE_MINUTES: Final = 300_000
_DAY: Final = timedelta(days=1)
Line = Sequence[str]


def validate_metrics(
    files: Mapping[datetime, Sequence[Line]],
    *,
    dataset: str,
    symbol: str,
    start: datetime,
    end: datetime,
    now: datetime,
) -> Validated:
    """The hours in [``start``, ``end``) of the lines of ``files``, which are named by their day's midnight.

    ``dataset`` is open_interest or long_short_ratio; the shares of accounts follow from their ratio. Rows
    between the hours are left out, and so are those without any figure of the dataset. A row stamped outside
    its file's day counts only where the file of its own day has none. The rest is judged as rows of the REST
    feeds are. Never raises for what the lines hold.
    """
    own: dict[int, list[object]] = {}
    strange: dict[int, list[object]] = {}
    shapeless: list[object] = []
    first, last = to_milliseconds(start), to_milliseconds(end)
    for day, lines in sorted(files.items()):
        inside = range(to_milliseconds(day), to_milliseconds(day + _DAY))
        for line in lines:
            if len(line) != len(COLUMNS):
                shapeless.append(list(line))
                continue
            if not any(line[place].strip() for place in _PLACES[dataset]):
                continue
            stamp = _stamp(line[0])
            if stamp is None:
                shapeless.append(_wire(dataset, line, line[0]))
            elif first <= stamp < last and _is_hour(stamp):
                found = own if stamp in inside else strange
                found.setdefault(stamp, []).append(_wire(dataset, line, stamp))
    rows = [*shapeless, *(row for found in ({**strange, **own}).values() for row in found)]
    validate = validate_open_interest if dataset == "open_interest" else validate_long_short_ratio
    return validate(rows, dataset=dataset, symbol=symbol, start=start, end=end, now=now)


def has_midnight(lines: Sequence[Line], day: datetime) -> bool:
    """Whether one of ``lines`` is stamped with the first moment of ``day``."""
    return any(line and line[0] == f"{day:%Y-%m-%d} 00:00:00" for line in lines)


def _is_hour(stamp: int) -> bool:
    """Whether a row is an hour's; one beside the grid of five minutes goes on, to be refused."""
    return stamp % Timeframe.H1.milliseconds == 0 or stamp % _FIVE_MINUTES != 0


def _stamp(text: str) -> int | None:
    """Milliseconds of a date with a time of day; a date alone does not say which hour it is about."""
    if not _STAMP.fullmatch(text):
        return None
    try:
        return to_milliseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))
    except ValueError:
        return None


def _wire(dataset: str, line: Line, stamp: int | str) -> dict[str, object]:
    """The row in the shape of the REST feed of ``dataset``, with the archive's own time for a person."""
    figures = [line[place] for place in _PLACES[dataset]]
    row: dict[str, object] = {"create_time": line[0], "symbol": line[1], "timestamp": stamp}
    if dataset == "open_interest":
        return {**row, "sumOpenInterest": figures[0], "sumOpenInterestValue": figures[1]}
    long, short = _shares(figures[0])
    return {**row, "longAccount": long, "shortAccount": short, "longShortRatio": figures[0]}


def _shares(text: str) -> tuple[float, float]:
    """Shares of the accounts that are long and short, from the one over the other; else NaN."""
    try:
        ratio = float(text)
    except ValueError:
        return math.nan, math.nan
    if not math.isfinite(ratio) or ratio == -1:
        return math.nan, math.nan
    return ratio / (1 + ratio), 1 / (1 + ratio)
