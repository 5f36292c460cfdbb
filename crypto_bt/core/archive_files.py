"""Files of the exchange's public archive: what their names say."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final

from crypto_bt.core.datasets import CANDLE_DATASETS
from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import EXCHANGE_OPENED, SYMBOL_PATTERN, Timeframe

FUNDING: Final = "funding_rates"
MARK_PRICES: Final = "mark_price_1h"
#: Datasets that can come as CSV.
CSV_DATASETS: Final = (*CANDLE_DATASETS, MARK_PRICES, FUNDING)
_NAME: Final = re.compile(r"(?P<symbol>.+)-(?P<kind>[A-Za-z0-9]+)-(?P<day>\d{4}-\d{2}(?:-\d{2})?)", re.ASCII)
#: Folders of the archive whose files have the names of files of perpetual candles.
_MARK_FOLDER: Final = "markPriceKlines"
_OTHER_FOLDERS: Final = (
    ("indexPriceKlines",),
    ("premiumIndexKlines",),
    ("spot", "monthly"),
    ("spot", "daily"),
)


@dataclass(frozen=True, slots=True)
class Archived:
    """What a file holds: rows of ``symbol`` (None: the rows say it) with times in [``start``, ``end``).

    ``period`` says that the bounds are those of a day or month that the file's name gives.
    """

    dataset: str
    symbol: str | None
    start: datetime
    end: datetime
    period: bool


def archived(
    parts: Sequence[str], now: datetime, *, dataset: str | None = None, symbol: str | None = None
) -> Archived:
    """What the CSV file at the path ``parts`` holds; ``dataset`` and ``symbol`` are what its owner says.

    A name of the archive (``BTCUSDT-1h-2024-01.csv``, ``BTCUSDT-fundingRate-2024-01.csv``) says it all, but
    for mark prices, which lie in a folder of their own. Raises UsageError when nothing says what the file
    holds, when the owner contradicts the name, and for files that are not about perpetuals.
    """
    name = parts[-1]
    for folders in _OTHER_FOLDERS:
        if folders in (pair[: len(folders)] for pair in pairwise(parts)):
            raise UsageError(
                f"{name} lies in the archive's folder {'/'.join(folders)}.", "Only perpetuals are kept."
            )
    match = _NAME.fullmatch(name.rsplit(".", 1)[0])
    if match is None:
        if dataset is None:
            raise UsageError(
                f"The name {name} does not say what the file holds.",
                "Say it: --timeframe 1h (or --dataset funding_rates) and --symbol BTCUSDT.",
            )
        return Archived(_csv_dataset(dataset), symbol, EXCHANGE_OPENED, now + timedelta(days=1), period=False)
    named, day = match["symbol"], match["day"]
    if not SYMBOL_PATTERN.match(named):
        raise UsageError(
            f"{name} is of {named!r}, which is no symbol that can be kept.",
            "A symbol is 2 to 20 letters A to Z and digits, such as BTCUSDT.",
        )
    if symbol not in (None, named):
        raise UsageError(f"{name} is of {named}, not of {symbol}.", "Leave --symbol out.")
    monthly = len(day) == len("2024-01")
    try:
        start = datetime.strptime(day + "-01" * monthly, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise UsageError(f"{name} is of no day or month: {day}.", "Rename it as the archive does.") from None
    end = (start + timedelta(days=32)).replace(day=1) if monthly else start + timedelta(days=1)
    return Archived(_named_dataset(parts, match["kind"], dataset), named, start, end, period=True)


def _csv_dataset(dataset: str) -> str:
    if dataset not in CSV_DATASETS:
        raise UsageError(f"{dataset} cannot be read from CSV.", f"There are: {', '.join(CSV_DATASETS)}.")
    return dataset


def _named_dataset(parts: Sequence[str], kind: str, said: str | None) -> str:
    known = {timeframe.value: timeframe.dataset for timeframe in Timeframe} | {"fundingRate": FUNDING}
    found = known.get(kind)
    if found is None:
        raise UsageError(f"{parts[-1]} is of {kind!r}, which is not kept.", f"There are: {', '.join(known)}.")
    if kind == Timeframe.H1 and said in (None, MARK_PRICES) and (said or _MARK_FOLDER in parts):
        return MARK_PRICES
    if _MARK_FOLDER in parts:
        raise UsageError(f"{parts[-1]} holds mark prices of {kind}.", "Mark prices are kept by the hour: 1h.")
    if said not in (None, found):
        raise UsageError(f"{parts[-1]} holds {found} by its name, not {said}.", "Leave --dataset out.")
    return found
