"""Probes of what ``crypto-bt up`` keeps running: who works is said to, who hangs or is not there is not."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crypto_bt.runtime import probes
from crypto_bt.runtime.probes import code_server_answers, daemons_beat

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
#: Dagster's own server, on a module with nothing in it.
SERVER = [sys.executable, "-m", "dagster", "api", "grpc", "-f", "empty.py", "--socket"]


@contextmanager
def code_server(folder: Path) -> Iterator[tuple[Path, "subprocess.Popen[bytes]"]]:
    (folder / "empty.py").write_text("import dagster\ndefs = dagster.Definitions()\n")
    socket = folder / "code.sock"
    environment = {**os.environ, "DAGSTER_HOME": str(folder)}
    command = [*SERVER, str(socket)]
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            while not socket.exists():
                assert process.poll() is None
            yield socket, process
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="the code server listens on a unix socket")
def test_code_server_answers_but_not_while_it_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_PATIENCE_SECONDS", 2.0)
    with code_server(tmp_path) as (socket, process):
        while not code_server_answers(socket):
            assert process.poll() is None
        process.send_signal(signal.SIGSTOP)
        assert not code_server_answers(socket)
        process.send_signal(signal.SIGCONT)
        assert code_server_answers(socket)
    assert not code_server_answers(socket)


def beats(folder: Path, *ago: float) -> Path:
    database = folder / "runs.db"
    database.unlink(missing_ok=True)
    with sqlite3.connect(database) as opened:
        opened.execute("CREATE TABLE daemon_heartbeats (daemon_type TEXT, timestamp TEXT)")
        rows = [
            (name, str((NOW - timedelta(seconds=seconds)).replace(tzinfo=None)))
            for name, seconds in zip(probes._DAEMONS, ago, strict=False)
        ]
        opened.executemany("INSERT INTO daemon_heartbeats VALUES (?, ?)", rows)
    opened.close()
    return database


def test_every_daemon_that_is_needed_must_beat(tmp_path: Path) -> None:
    assert daemons_beat(beats(tmp_path, 0.0, 30.0, 119.0), NOW)
    assert not daemons_beat(beats(tmp_path, 0.0, 30.0, 121.0), NOW)
    assert not daemons_beat(beats(tmp_path, 0.0, 30.0), NOW)
    assert not daemons_beat(tmp_path / "none.db", NOW)


def test_a_beat_of_the_future_is_from_before_the_clock_was_set_back(tmp_path: Path) -> None:
    assert daemons_beat(beats(tmp_path, 0.0, 0.0, -60.0), NOW)
    assert not daemons_beat(beats(tmp_path, 0.0, 0.0, -3600.0), NOW)
