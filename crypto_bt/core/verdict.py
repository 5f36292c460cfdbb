"""The outcome of a check: what was found, how bad it is, and the command that mends it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from crypto_bt.core.market import Timeframe

NAMED_AT_MOST: Final = 5
ROWS_AT_MOST: Final = 60
BACKFILL: Final = "crypto-bt data backfill"
REPAIR: Final = "crypto-bt data repair"
#: The commands that verdicts name: each acts on one home.
_AT_A_HOME: Final = re.compile(
    rf"{BACKFILL}\b|{REPAIR}\b|crypto-bt data quarantine list\b|crypto-bt universe remove\b|crypto-bt sql\b"
)
_DAY: Final = timedelta(days=1)


class Severity(StrEnum):
    """How bad a failed verdict is: a warning is reported, an error stops the night."""

    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one check: ``what`` with value and limit, ``mend`` a command, figures to plot.

    ``table`` has the same columns in every check (see :func:`table_row`), the worst rows first.
    """

    passed: bool
    what: str
    severity: Severity = Severity.ERROR
    mend: str = ""
    figures: Mapping[str, float | int] = field(default_factory=dict)
    table: Sequence[Mapping[str, str]] = ()

    @property
    def text(self) -> str:
        """What a person reads: the finding, and the command that mends it if it failed."""
        return f"{self.what} Repair: {self.mend}" if self.mend and not self.passed else self.what

    def at_home(self, option: str) -> "Verdict":
        """The same verdict whose commands name the home, where ``option`` (`` --home DIR``) is not empty."""

        def said(text: str) -> str:
            return _AT_A_HOME.sub(lambda command: command.group() + option, text)

        return replace(self, what=said(self.what), mend=said(self.mend))


def not_loaded(now: datetime) -> Verdict:
    """The verdict on an empty home: quiet, with the command that loads a year of history."""
    start = now - timedelta(days=365)
    what = "Not loaded yet: this home holds no candles."
    return Verdict(True, f"{what} Load them: {BACKFILL} --start {start:%F}")


def repair_command(feed: Timeframe | str, start: datetime, end: datetime, symbols: Sequence[str] = ()) -> str:
    """The command that asks again for ``feed`` over the days that hold ``start`` to ``end`` (inclusive)."""
    named = list(dict.fromkeys(symbols))
    chosen = f" --symbols {','.join(named)}" if 0 < len(named) <= NAMED_AT_MOST else ""
    days = f"--start {start:%Y-%m-%d} --end {end + _DAY:%Y-%m-%d}"
    return f"{REPAIR}{chosen} --timeframes {feed} {days}"


def table_row(
    symbol: str, feed: Timeframe | str, partition: datetime | None, value: str, limit: str, judgement: str
) -> dict[str, str]:
    """One row of a check's table; ``partition`` is the day it is about."""
    return {
        "symbol": symbol,
        "feed": str(feed),
        "partition": "-" if partition is None else f"{partition:%Y-%m-%d}",
        "value": value,
        "limit": limit,
        "judgement": judgement,
    }


def some(items: Sequence[str]) -> str:
    """The first few of ``items``, and how many more there are."""
    shown = ", ".join(items[:NAMED_AT_MOST])
    rest = len(items) - NAMED_AT_MOST
    return f"{shown} and {rest} more" if rest > 0 else shown
