"""A table that a trading program or the exchange wrote: its cells, read one by one.

Whatever is wrong is told with file, row, column and value, so that it can be found and mended.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import EXCHANGE_OPENED, SYMBOL_PATTERN, from_milliseconds

_MILLISECONDS: Final = re.compile(r"\d{13}")
_SHORT_YEAR: Final = re.compile(r"\d\d-\d\d-\d\d[ T].*")
_FIGURE: Final = re.compile(r"([+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d*)?(?:[eE][+-]?\d+)?) ?([A-Z0-9]*)")
_CCXT: Final = re.compile(r"([A-Z0-9]+)/([A-Z0-9]+):[A-Z0-9]+")
#: A figure of more digits before or behind the decimal point is no price, quantity or fee.
_DIGITS: Final = 18
_YES: Final = ("true", "1", "yes", "maker")
_NO: Final = ("false", "0", "no", "taker")


@dataclass(frozen=True, slots=True)
class Table:
    """``rows`` of as many values as ``columns``: texts of a CSV file, or typed values; None and "" are empty.

    ``first`` is the number of the first row, as whoever opens the file counts (CSV: 2, after the header).
    """

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    first: int = 1

    def places(self, known: Mapping[str, Sequence[str]]) -> dict[str, int]:
        """Where each of our columns is: ``known`` maps it to what others call it, the best name first.

        Case, blanks and signs in the names do not count: ``Date(UTC)`` is ``dateutc``.
        """
        there = {_plain(name): at for at, name in reversed(list(enumerate(self.columns)))}
        found = {}
        for ours, names in known.items():
            at = next((there[_plain(name)] for name in (ours, *names) if _plain(name) in there), None)
            if at is not None:
                found[ours] = at
        return found

    def read(self, places: Mapping[str, int]) -> Iterator["Row"]:
        """Its rows but the empty ones, with the cells called as in ``places``."""
        for number, values in enumerate(self.rows, start=self.first):
            if any(value is not None and str(value).strip() for value in values):
                yield Row(self, number, values, places)


@dataclass(frozen=True, slots=True)
class Row:
    """One row; every method raises :class:`UsageError` for a value that cannot be what is asked for."""

    table: Table
    number: int
    values: Sequence[object]
    places: Mapping[str, int]

    def wrong(self, column: str, why: str, mend: str) -> UsageError:
        """The error about one cell: ``why`` ends the sentence that names file, row, column and value."""
        at = self.places[column]
        value = self.values[at]
        shown = "nothing" if self.empty(column) else repr(value if isinstance(value, str) else str(value))
        where = f"{self.table.name}, row {self.number}, column {self.table.columns[at]!r}"
        return UsageError(f"{where}: {shown} {why}.", mend)

    def empty(self, column: str) -> bool:
        """Whether there is no such column, or nothing in it."""
        if column not in self.places:
            return True
        value = self.values[self.places[column]]
        return value is None or not str(value).strip()

    def text(self, column: str) -> str:
        """The cell as text without blanks around it."""
        if self.empty(column):
            raise self.wrong(column, "is not a value", "Fill it in, or leave the row out.")
        return str(self.values[self.places[column]]).strip()

    def symbol(self, column: str = "symbol") -> str:
        """Such as BTCUSDT; also written ``BTC/USDT:USDT`` or ``BTCUSDT Perpetual``."""
        text = self.text(column).upper().removesuffix(" PERPETUAL")
        written = _CCXT.fullmatch(text)
        symbol = written[1] + written[2] if written else text
        if not SYMBOL_PATTERN.match(symbol):
            raise self.wrong(column, "is not a perpetual's symbol", "Write it as BTCUSDT.")
        return symbol

    def moment(self, column: str, now: datetime) -> datetime:
        """ISO 8601 (UTC where it names no zone), or milliseconds since 1970; not in the future."""
        value = self.values[self.places[column]]
        moment = value if isinstance(value, datetime) else _moment(self.text(column))
        if moment is None:
            raise self.wrong(
                column, "is not a time", "Write it as 2026-11-21 08:00:03 (UTC), or in milliseconds."
            )
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        if not EXCHANGE_OPENED <= moment <= now:
            why = "is in the future" if moment > now else "is before the exchange's first day"
            raise self.wrong(column, why, "See its unit and its zone: times are UTC.")
        return moment

    def figure(self, column: str) -> Decimal:
        """A number, exactly as written; a unit after it (``0.27 USDT``) is no part of it."""
        return self._figure(column)[0]

    def positive(self, column: str) -> Decimal:
        """A number above 0."""
        value = self.figure(column)
        if value <= 0:
            raise self.wrong(column, "is not above 0", "Correct it, or leave the row out.")
        return value

    def unit(self, column: str) -> str:
        """The unit written after the number of a cell, or ""."""
        return self._figure(column)[1]

    def flag(self, column: str) -> bool | None:
        """Yes or no; None where it is empty."""
        if self.empty(column):
            return None
        text = self.text(column).lower()
        if text not in (*_YES, *_NO):
            raise self.wrong(column, "is neither true nor false", "Write true or false.")
        return text in _YES

    def one_of(self, column: str, meanings: Mapping[str, int]) -> int:
        """What the cell's word means."""
        found = meanings.get(self.text(column).lower())
        if found is None:
            raise self.wrong(column, "is not known", f"Write one of: {', '.join(meanings)}.")
        return found

    def _figure(self, column: str) -> tuple[Decimal, str]:
        found = _FIGURE.fullmatch(self.text(column))
        try:
            if found is not None:
                value = Decimal(found[1].replace(",", ""))
                if -_DIGITS < value.adjusted() < _DIGITS:
                    return value, found[2]
        except InvalidOperation:
            pass
        raise self.wrong(column, "is not a number", "Write it as 1234.5, with a decimal point.")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _moment(text: str) -> datetime | None:
    try:
        if _MILLISECONDS.fullmatch(text):
            return from_milliseconds(int(text))
        return datetime.fromisoformat(f"20{text}" if _SHORT_YEAR.fullmatch(text) else text)
    except ValueError:
        return None
