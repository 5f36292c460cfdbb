"""Rows of the exchange's public archive, which come as CSV: which of them may enter the store.

Every row passes the validation of fetched rows; those refused get a reason and go to the quarantine.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import polars as pl

from crypto_bt.core.archive_files import FUNDING, MARK_PRICES, Archived
from crypto_bt.core.candles import ROW_WIDTH, validate_candles, validate_mark_prices
from crypto_bt.core.datasets import CANDLE_DATASETS, DATASETS
from crypto_bt.core.errors import UsageError
from crypto_bt.core.funding import validate_funding
from crypto_bt.core.market import EXCHANGE_OPENED, SYMBOL_PATTERN
from crypto_bt.core.raw_rows import Validated

#: Fields in the order of the archive; a header may name them otherwise.
CANDLE_FIELDS: Final = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume", "count"),
    *("taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)
FUNDING_FIELDS: Final = ("calc_time", "funding_interval_hours", "last_funding_rate")
_ALIASES: Final = {
    "timestamp": "open_time",
    "trades": "count",
    "number_of_trades": "count",
    "quote_asset_volume": "quote_volume",
    "taker_buy_base_asset_volume": "taker_buy_volume",
    "taker_buy_quote_asset_volume": "taker_buy_quote_volume",
}
_NEEDED: Final = {
    **dict.fromkeys(CANDLE_DATASETS, CANDLE_FIELDS[:6]),
    MARK_PRICES: CANDLE_FIELDS[:5],
    FUNDING: ("calc_time", "last_funding_rate"),
}
_WHOLE_NUMBERS: Final = frozenset({"open_time", "close_time", "count", "calc_time"})
#: A time in milliseconds stays below this until the year 5138; one in microseconds is above it since 1973.
_MICROSECONDS_FROM: Final = 100_000_000_000_000
_MICROSECONDS: Final = (
    "its times are in microseconds, as in the spot archive: make sure that it is of perpetuals"
)


@dataclass(frozen=True, slots=True)
class FileRows:
    """Rows of a file, good and refused ones, and how many candles were ``left_out`` as perhaps still open.

    ``source``: whose data it is, where the file says so itself.
    """

    dataset: str
    frame: pl.DataFrame
    quarantine: pl.DataFrame
    left_out: int = 0
    remark: str = ""
    source: str | None = None


def read_csv(text: str, about: Archived, now: datetime, *, name: str, proven: bool = False) -> FileRows:
    """The rows of a CSV file called ``name``, validated at ``now``.

    Collectors save the candle that is still open as if it had closed. So the last candle of each symbol is
    left out, unless the period of the name is over and the rows reach its end, or the file is ``proven`` to
    be as the archive has it. Raises UsageError for wrong columns, a symbol that cannot be kept, and a file
    without any good row.
    """
    fields, lines = _table(text, about, name)
    funding = about.dataset == FUNDING
    rows: dict[str, list[object]] = {}
    micro = False
    for cells in lines:
        values = dict(zip(fields, cells, strict=False)) if len(cells) == len(fields) else None
        symbol = (values or {}).get("symbol", "").strip() or about.symbol or ""
        if about.symbol not in (None, symbol):
            raise UsageError(
                f"{name} has rows of {symbol!r}, not of {about.symbol} alone.", "Leave --symbol out."
            )
        if values is None:
            # Not the row of any width: it is kept as one field, so that it counts as too short.
            row: object = [",".join(cells)]
            symbol = symbol or next(iter(rows), "")
        else:
            typed = {field: _value(field, value.strip()) for field, value in values.items()}
            micro = _to_milliseconds(typed) or micro
            row = _funding_row(typed, symbol) if funding else _candle_row(typed, about.dataset)
        rows.setdefault(symbol, []).append(row)
    wrong = next((symbol for symbol in rows if not SYMBOL_PATTERN.match(symbol)), None)
    if wrong is not None:
        said = (
            f"names {wrong!r}, which is no symbol that can be kept"
            if wrong
            else "does not say of which symbol"
        )
        raise UsageError(f"{name} {said}.", "Say it: --symbol BTCUSDT" if not wrong else "Take the row out.")
    found = [_validate(about, symbol, group, now) for symbol, group in rows.items()]
    frame = pl.concat([valid.frame for valid in found]).sort(DATASETS[about.dataset].key)
    quarantine = pl.concat([valid.quarantine for valid in found])
    if frame.is_empty():
        reasons = ", ".join(sorted(set(quarantine["reason"])))
        raise UsageError(f"{name} has no row that can be kept: {reasons}.", "See that it is what you mean.")
    if about.dataset in CANDLE_DATASETS and _is_mark_price(frame):
        raise UsageError(
            f"{name} has trades but no volume at all, as mark prices have.", "Say so: --dataset mark_price_1h"
        )
    closed = frame if funding else _without_last(frame, about, now, proven=proven)
    return FileRows(
        about.dataset, closed, quarantine, frame.height - closed.height, _MICROSECONDS if micro else ""
    )


def _table(text: str, about: Archived, name: str) -> tuple[tuple[str, ...], list[list[str]]]:
    """Names of the fields and the rows of cells; the names are the archive's where there is no header."""
    try:
        lines = [cells for cells in csv.reader(text.splitlines(), strict=True) if any(cells)]
    except csv.Error as error:
        raise UsageError(f"{name} is no CSV: {error}.", "Save it as plain CSV.") from None
    if not lines:
        raise UsageError(f"{name} has no rows.", "Take it off the list.")
    usual = FUNDING_FIELDS if about.dataset == FUNDING else CANDLE_FIELDS
    if lines[0][0].strip().isdecimal():
        if len(lines[0]) != len(usual):
            raise UsageError(
                f"{name} has {len(lines[0])} columns and no header; {about.dataset} has {len(usual)}.",
                f"They are: {', '.join(usual)}.",
            )
        return usual, lines
    header = [cell.strip().lower() for cell in lines[0]]
    fields = tuple(_ALIASES.get(cell, cell) for cell in header)
    unknown = [cell for cell, field in zip(header, fields, strict=True) if field not in (*usual, "symbol")]
    missing = [field for field in _NEEDED[about.dataset] if field not in fields]
    if unknown or missing or len(set(fields)) < len(fields):
        wrong = [f"lacks {', '.join(missing)}"] if missing else []
        wrong += [f"has the unknown {', '.join(repr(cell)[:40] for cell in unknown[:5])}"] if unknown else []
        how = " and ".join(wrong) or "names one twice"
        raise UsageError(
            f"The columns of {name} are not those of {about.dataset}: it {how}.",
            f"They are: {', '.join(usual)}.",
        )
    if len(lines) == 1:
        raise UsageError(f"{name} has no rows.", "Take it off the list.")
    return fields, lines[1:]


def _value(field: str, text: str) -> int | str | None:
    """A cell as the exchange's JSON would have it: whole numbers, decimals as text, nothing as null."""
    if field in _WHOLE_NUMBERS and text.isascii() and text.isdecimal() and len(text) < 20:
        return int(text)
    return text or None


def _to_milliseconds(typed: dict[str, int | str | None]) -> bool:
    """Turn times in microseconds into milliseconds, in place; whether there were any."""
    micro = False
    for field in ("open_time", "close_time", "calc_time"):
        value = typed.get(field)
        # A moment that is no whole millisecond stays as it is, and is refused as out of the window.
        whole = isinstance(value, int) and (value % 1000 == 0 or field == "close_time")
        if isinstance(value, int) and value >= _MICROSECONDS_FROM and whole:
            typed[field] = value // 1000
            micro = True
    return micro


def _candle_row(typed: Mapping[str, int | str | None], dataset: str) -> list[object]:
    timeframe = DATASETS[dataset].timeframe
    opened = typed["open_time"]
    row: list[object] = [typed.get(field) for field in CANDLE_FIELDS]
    if "close_time" not in typed and timeframe is not None and isinstance(opened, int):
        row[6] = opened + timeframe.milliseconds - 1
    return row[:ROW_WIDTH]


def _funding_row(typed: Mapping[str, int | str | None], symbol: str) -> dict[str, object]:
    time, rate = typed["calc_time"], typed["last_funding_rate"]
    return {"symbol": symbol, "fundingTime": time, "fundingRate": rate, "markPrice": None}


def _validate(about: Archived, symbol: str, rows: Sequence[object], now: datetime) -> Validated:
    validate: Callable[..., Validated] = validate_candles
    if about.dataset == FUNDING:
        validate = validate_funding
    elif about.dataset == MARK_PRICES:
        validate = validate_mark_prices
    return validate(
        rows,
        dataset=about.dataset,
        symbol=symbol,
        start=max(about.start, EXCHANGE_OPENED),
        end=about.end,
        now=now,
    )


def _is_mark_price(frame: pl.DataFrame) -> bool:
    return bool((frame["volume"] == 0).all()) and bool((frame["trades"] > 0).any())


def _without_last(frame: pl.DataFrame, about: Archived, now: datetime, *, proven: bool) -> pl.DataFrame:
    timeframe = DATASETS[about.dataset].timeframe
    last = pl.col("open_time").max().over("symbol")
    if timeframe is None or (proven and about.period and about.end <= now):
        return frame
    # Rows that reach the end of their period have closed, so the period is over.
    whole = last + timeframe.delta >= about.end if about.period else pl.lit(value=False)
    return frame.filter(whole | (pl.col("open_time") < last))
