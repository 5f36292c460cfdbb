"""The two sides that ``crypto-bt compare-live`` compares: a file of live trades, and a backtest's trades."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from crypto_bt.backtest.live.table import Table
from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import Timeframe
from crypto_bt.runtime.home import Home

if TYPE_CHECKING:
    from crypto_bt.settings import Settings

#: Largest file: a fill is about 100 bytes, so some five million of them.
FILE_LIMIT: Final = 512 * 1024**2
_PARQUET: Final = b"PAR1"
_NEEDED: Final = (
    "symbol", "side", "entry_time", "exit_time", "entry_price", "exit_price", "quantity", "commission",
    "slippage", "funding", "exit_reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Backtest:
    """``trades`` by strategy (the key None: the file does not say whose they are), each strategy's
    ``timeframes`` as far as they are known, and the moment up to which the backtest knew the market."""

    name: str
    trades: Mapping[str | None, pl.DataFrame]
    timeframes: Mapping[str, Timeframe]
    cutoff: datetime | None = None
    left_out: Mapping[str, str] | None = None

    def of(self, strategy: str) -> pl.DataFrame:
        """The trades of ``strategy``; UsageError where there is none of that name."""
        found = self.trades.get(strategy, self.trades.get(None))
        if found is None:
            there = ", ".join(sorted(map(str, self.trades))) or "none"
            raise UsageError(
                f"{self.name} has no strategy {strategy!r}.",
                f"It has {there}; say which one the live trades are of: --strategy NAME.",
            )
        return found


def read_table(path: Path) -> Table:
    """The CSV or Parquet file at ``path``; UsageError in one sentence when it is neither, or damaged."""
    data = _bytes_of(path)
    if data.startswith(_PARQUET):
        frame = _parquet(path, data)
        return Table(path.name, frame.columns, frame.rows())
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise UsageError(f"{path.name} is neither CSV in UTF-8 nor Parquet.", "Save it as one of them.")
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    try:
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise UsageError(f"{path.name} is not CSV: {error}.", "Export it again.") from None
    if not records:
        raise UsageError(f"{path.name} is empty.", "Its first row must name the columns.")
    columns, *rows = records
    for number, row in enumerate(rows, start=2):
        if row and len(row) != len(columns):
            raise UsageError(
                f"{path.name}, row {number}: {len(row)} values for {len(columns)} columns.",
                "Correct the row; a value that holds the delimiter is quoted.",
            )
    return Table(path.name, [name.strip() for name in columns], rows, first=2)


def backtest_file(path: Path) -> Backtest:
    """A backtest's trades out of a Parquet file, with or without a column ``strategy``.

    Raises UsageError naming the column that is missing or of another type.
    """
    data = _bytes_of(path)
    if not data.startswith(_PARQUET):
        raise UsageError(f"{path.name} is not Parquet.", "Give the trades.parquet of a run.")
    return Backtest(path.name, _by_strategy(_parquet(path, data), path.name), {})


def backtest_of_night(settings: "Settings", night: date | None) -> Backtest:
    """The trades of ``night``, or of the last night of the home; UsageError where there is none."""
    from crypto_bt.store.results import ResultsStore

    results = ResultsStore(Home(settings.CRYPTO_BT_HOME).results)
    result = results.latest() if night is None else results.night(night)
    if result is None:
        which = "night" if night is None else f"night of {night}"
        raise UsageError(
            f"There is no {which} in {settings.CRYPTO_BT_HOME}.",
            f"Run it: crypto-bt backtest{settings.home_option}; or give a file: --backtest trades.parquet",
        )
    name = f"The night of {result.night}"
    trades: dict[str | None, pl.DataFrame] = dict(_by_strategy(result.frame("trades"), name))
    ran = [entry for entry in result.stamp["strategies"] if not entry["error"]]
    for entry in ran:
        trades.setdefault(entry["name"], pl.DataFrame(schema=_schema()))
    return Backtest(
        name=name,
        trades=trades,
        timeframes={entry["name"]: Timeframe(entry["timeframe"]) for entry in ran if "timeframe" in entry},
        cutoff=datetime.fromisoformat(result.stamp["cutoff"]),
        left_out=result.stamp.get("left_out"),
    )


def _by_strategy(trades: pl.DataFrame, name: str) -> dict[str | None, pl.DataFrame]:
    missing = [column for column in _NEEDED if column not in trades.columns]
    if missing:
        raise UsageError(f"{name} has no column {', '.join(missing)}.", "Give the trades of a backtest.")
    try:
        typed = {column: trades[column].cast(kind) for column, kind in _schema().items()}
    except pl.exceptions.PolarsError as error:
        raise UsageError(f"{name} is not a table of trades: {error}.", "Give a backtest's.") from None
    frame = pl.DataFrame(typed)
    if "strategy" not in trades.columns:
        return {None: frame}
    whose = trades["strategy"].cast(pl.String)
    return {label: frame.filter(whose == label) for label in whose.unique().sort().drop_nulls()}


def _schema() -> dict[str, pl.DataType]:
    from crypto_bt.backtest.tables import TRADES_SCHEMA

    return {column: TRADES_SCHEMA[column] for column in _NEEDED}


def _parquet(path: Path, data: bytes) -> pl.DataFrame:
    try:
        return pl.read_parquet(io.BytesIO(data))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001
        # Damaged files make polars raise PanicException, which is no Exception.
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UsageError(f"{path.name} is damaged: {why}.", "Write it again.") from None


def _bytes_of(path: Path) -> bytes:
    if not path.is_file():
        raise UsageError(f"There is no file {path}.", "See its name.")
    size = path.stat().st_size
    if size > FILE_LIMIT:
        raise UsageError(f"{path.name} has {size:,} bytes, limit {FILE_LIMIT:,}.", "Split it by month.")
    return path.read_bytes()
