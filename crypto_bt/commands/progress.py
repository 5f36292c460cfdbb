"""A progress bar with rate and remaining time, for work that goes through stages."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

#: Told of a stage: its name, how much of it is done, and of how much.
Advance = Callable[[str, int, int], None]


class Rate(ProgressColumn):
    """How many a second, or how many seconds each takes where that is more than one."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self.unit = unit

    def render(self, task: Task) -> Text:
        """The rate of what was done of late; nothing before anything was."""
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        what = f" {self.unit}" if self.unit else ""
        told = f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}"
        return Text(
            f"{told}{what}/s" if speed >= 1 else f"{1 / speed:.1f} s each", style="progress.data.speed"
        )


@contextmanager
def progress_bar(console: Console, unit: str = "") -> Iterator[Advance]:
    """A bar that vanishes when its work is over; each stage begins anew with its own rate."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        current = ""

        def advance(stage: str, done: int, of: int) -> None:
            nonlocal current
            if stage != current:
                current = stage
                bar.reset(task, description=stage, total=of)
            bar.update(task, completed=done, total=of)

        yield advance
