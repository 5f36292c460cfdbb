"""What a command prints: tables and sentences for a person, one JSON object for a machine."""

import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from crypto_bt.commands.progress import Advance, progress_bar

#: Width of a table that no terminal bounds: wide enough that no cell is broken.
WIDE: Final = 400
#: Exit code of a command that did its work and found something not well.
UNWELL: Final = 3

#: Updates a progress bar: (done, in all, rows so far).
Report = Callable[[int, int, int], None]


class Output:
    """Where a command writes; with ``as_json`` only the final object reaches standard output."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        # Dagster redirects the standard streams while a step runs: progress needs one of its own.
        stream = os.fdopen(os.dup(sys.stderr.fileno()), "w", buffering=1) if _has_descriptor() else sys.stderr
        self.progress_console = Console(file=stream, width=None if sys.stderr.isatty() else 100)
        self.console = Console(width=None if sys.stdout.isatty() else WIDE)

    def say(self, text: str, *, style: str | None = None) -> None:
        """A line for a person; silent under --json."""
        if not self.as_json:
            self.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """A line of progress on standard error."""
        self.progress_console.print(text, markup=False, highlight=False, soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
        """A table for a person; numbers are right-aligned, a cell that is a Text keeps its style."""
        if self.as_json:
            return
        table = Table(
            title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False
        )
        for index, column in enumerate(columns):
            numeric = all(_is_figure(row[index]) for row in rows)
            justify: JustifyMethod = "right" if numeric else "left"
            whole = not self.console.is_terminal
            table.add_column(Text(column), justify=justify, overflow="fold", no_wrap=whole)
        for row in rows:
            table.add_row(*(cell if isinstance(cell, Text) else Text(str(cell)) for cell in row))
        self.console.print(table)

    def result(self, value: object) -> None:
        """The command's result as one JSON object; printed only under --json."""
        if self.as_json:
            sys.stdout.write(json.dumps(_finite(value), default=_plain, allow_nan=False) + "\n")

    @contextmanager
    def progress(self, what: str, unit: str = "requests") -> Iterator[Report]:
        """A progress bar on a terminal, a plain line for every tenth elsewhere."""
        if self.progress_console.is_terminal and not self.as_json:
            with progress_bar(self.progress_console, unit) as advance:
                yield lambda done, total, rows: advance(what, done, total)
            return
        tenths = -1

        def line(done: int, total: int, rows: int) -> None:
            nonlocal tenths
            if total and done * 10 // total > tenths:
                tenths = done * 10 // total
                self.note(f"{what}: {done} of {total} {unit}, {rows} rows")

        yield line

    @contextmanager
    def stages(self, unit: str = "") -> Iterator[Advance]:
        """A progress bar on a terminal that changes its name with the stage; nothing elsewhere."""
        if self.progress_console.is_terminal and not self.as_json:
            with progress_bar(self.progress_console, unit) as advance:
                yield advance
            return
        yield lambda stage, done, of: None


def percent(value: float | None, digits: int = 1) -> str:
    """A fraction as a signed percentage, a dash when there is none."""
    return "-" if value is None else f"{value:+.{digits}%}"


def figure(value: float | None, digits: int = 2) -> str:
    """A number with fixed decimals, a dash when there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def minute(moment: datetime | None) -> str:
    """A UTC moment to the minute."""
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _is_figure(cell: object) -> bool:
    text = str(cell).strip("+-%p").replace(".", "").replace(",", "").replace(" ", "")
    return text.isdigit() or str(cell) == "-"


def _finite(value: object) -> object:
    """JSON knows no NaN and no infinity: they become null."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _plain(value: object) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Path):
        return str(value)
    return str(value)


def _has_descriptor() -> bool:
    try:
        sys.stderr.fileno()
    except (OSError, ValueError, AttributeError):
        return False
    return True
