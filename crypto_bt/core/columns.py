"""How a table is described: each column with its meaning, unit and rule, and what its rows obey together.

The rules are expressions, so that a test can hold stored tables to them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import polars as pl

#: Units by the words used for them.
TIME: Final = "UTC, ms"
BASE: Final = "base"
QUOTE: Final = "quote"
FRACTION: Final = "fraction"
NUMBER: Final = "number"
WORD: Final = "text"


@dataclass(frozen=True, slots=True)
class Rule:
    """``text`` says what ``holds`` asks of a column's values; a null is asked nothing."""

    text: str
    holds: Callable[[pl.Expr], pl.Expr]


@dataclass(frozen=True, slots=True)
class Together:
    """What the columns of one row obey together: ``holds`` is true where they do."""

    text: str
    holds: pl.Expr


@dataclass(frozen=True, slots=True)
class Column:
    """Meaning, unit and rule of a column; ``null`` says when a value is missing, empty: never."""

    meaning: str
    unit: str
    rule: Rule
    null: str = ""

    def but(self, **changes: str) -> "Column":
        """The same column with another meaning, unit or null."""
        return replace(self, **changes)  # type: ignore[arg-type]

    @property
    def invariant(self) -> str:
        """The rule, and when there may be no value."""
        return f"{self.rule.text}; null {self.null}" if self.null else self.rule.text

    @property
    def described(self) -> str:
        """Meaning, unit and when it is null, in one line."""
        unit = "" if self.unit in (TIME, WORD, NUMBER) else f", {self.unit}"
        return f"{self.meaning}{unit}" + (f"; null {self.null}" if self.null else "")


@dataclass(frozen=True, slots=True)
class Table:
    """A table: what a row is, the key (unique, and the order of the rows), columns, and rules over a row."""

    name: str
    row: str
    schema: Mapping[str, pl.DataType]
    key: tuple[str, ...]
    columns: Mapping[str, Column]
    rules: tuple[Together, ...] = ()
    sorted: bool = True

    def broken(self, frame: pl.DataFrame) -> list[str]:
        """What ``frame`` does not keep of this description, one sentence each."""
        if dict(frame.schema) != dict(self.schema):
            return [f"{self.name} has the columns {dict(frame.schema)}, and not {dict(self.schema)}"]
        found = []
        if frame.select(self.key).is_duplicated().any():
            found.append(f"{self.name}: {', '.join(self.key)} is not unique")
        if self.sorted and not frame.equals(frame.sort(self.key, maintain_order=True)):
            found.append(f"{self.name} is not sorted by {', '.join(self.key)}")
        for name, column in self.columns.items():
            if not column.null and frame[name].null_count():
                found.append(f"{self.name}.{name} has nulls")
            if not frame.select(column.rule.holds(pl.col(name)).fill_null(value=True).all()).item():
                found.append(f"{self.name}.{name} is not always: {column.rule.text}")
        return found + [
            f"{self.name}: not always {rule.text}"
            for rule in self.rules
            if not frame.select(rule.holds.fill_null(value=True).all()).item()
        ]


def between(low: float, high: float) -> Rule:
    """From ``low`` to ``high``, both included."""
    return Rule(f"{low:g} to {high:g}", lambda column: column.is_between(low, high))


def one_of(*values: str | int) -> Rule:
    """One of a few values."""
    text = ", ".join(f"`{value}`" if isinstance(value, str) else str(value) for value in values)
    return Rule(text, lambda column: column.is_in(values))


POSITIVE: Final = Rule("> 0", lambda column: column.is_finite() & (column > 0))
NOT_NEGATIVE: Final = Rule(">= 0", lambda column: column.is_finite() & (column >= 0))
COUNT: Final = Rule(">= 0", lambda column: column >= 0)
FINITE: Final = Rule("finite", lambda column: column.is_finite())
FILLED: Final = Rule("not empty", lambda column: column.str.len_chars() > 0)
FREE: Final = Rule("any text", lambda column: column.str.len_chars() >= 0)
MOMENT: Final = Rule("a moment", lambda column: column.dt.year() >= 1970)
MIDNIGHT: Final = Rule("midnight UTC", lambda column: column == column.dt.truncate("1d"))
HOURLY: Final = Rule("a full hour", lambda column: column == column.dt.truncate("1h"))
MINUTELY: Final = Rule("a full minute", lambda column: column == column.dt.truncate("1m"))
TRUTH: Final = Rule("true or false", lambda column: column | ~column)
SHARE: Final = between(0, 1)
TARGET: Final = between(-1, 1)
DIRECTION: Final = one_of(-1, 0, 1)
