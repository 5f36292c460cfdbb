"""A bar with rate and remaining time on a terminal, and nothing anywhere else."""

import io
import os
import pty
import re
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress, TextColumn

from benchmarks.bench_night import START, market
from crypto_bt.commands.output import Output
from crypto_bt.commands.progress import Rate, progress_bar
from crypto_bt.core.universe import UNIVERSE
from crypto_bt.runtime.home import Home
from crypto_bt.settings import render_example
from crypto_bt.store import SnapshotStore

DAYS = 60
COMMAND = [sys.executable, "-m", "crypto_bt", "sweep", "donchian_breakout", "--json"]


@pytest.mark.parametrize(
    ("seconds", "unit", "told"),
    [(0.05, "symbols", "20 symbols/s"), (0.4, "", "2.5/s"), (5.0, "symbols", "5.0 s each"), (None, "x", "")],
)
def test_rate_is_of_what_was_done(seconds: float | None, unit: str, told: str) -> None:
    now = 0.0
    bar = Progress(TextColumn(""), get_time=lambda: now, auto_refresh=False)
    task = bar.add_task("", total=100)
    for done in range(1, 4 if seconds else 1):
        now += seconds or 0.0
        bar.update(task, completed=done)
    assert Rate(unit).render(bar.tasks[0]).plain == told


def test_bar_names_its_stage_and_counts_each_from_the_beginning() -> None:
    screen = io.StringIO()
    with progress_bar(Console(file=screen, force_terminal=True, width=80)) as advance:
        advance("signals", 1, 3)
        advance("signals", 3, 3)
        advance("symbols", 4, 60)
    shown = screen.getvalue()
    assert "symbols" in shown
    assert "4/60" in shown


def test_stages_are_silent_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Output(as_json=False).stages() as advance:
        advance("signals", 1, 3)
    assert capsys.readouterr() == ("", "")


def test_sweep_shows_its_progress_on_a_terminal_and_its_json_beside_it(tmp_path: Path) -> None:
    """The bar goes to the terminal of standard error though the result goes into a pipe; under --json only
    sentences do."""
    now = START + timedelta(days=DAYS)
    Home(tmp_path).prepare(
        render_example(), {"FIXED_NOW": now.isoformat(), "SYMBOLS": ",".join(UNIVERSE[:12])}
    )
    SnapshotStore(Home(tmp_path).store).publish(
        market(DAYS, 12), source="simulated:seed=0", published_by="a test", now=now
    )
    for arguments, bar in ((COMMAND[:-1], True), (COMMAND, False)):
        seen = _on_terminal([*arguments, "--home", str(tmp_path)])
        assert "Simulating 100 parameter sets on 12 symbols" in seen
        assert bool(re.search(r"12/12", seen)) == bar
        assert bool(re.search(r"\d:\d\d:\d\d", seen)) == bar


def _on_terminal(command: list[str]) -> str:
    """Run ``command`` with a terminal of 100 columns as standard error; what was written there."""
    ours, theirs = pty.openpty()
    seen = bytearray()

    def read() -> None:
        while True:
            try:
                data = os.read(ours, 4096)
            except OSError:  # the other end was closed
                return
            if not data:
                return
            seen.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm"}
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, env=environment, check=False)
    os.close(theirs)
    reader.join(timeout=10)
    os.close(ours)
    assert done.returncode == 0, seen.decode()
    return seen.decode()
