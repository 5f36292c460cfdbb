"""Whether a part that ``crypto-bt up`` keeps running still does its work; each answers within seconds."""

import contextlib
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

#: Without these no schedule and no sensor works, and no run starts.
_DAEMONS: Final = ("SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR")
#: Daemons write their heartbeats every 30 s.
_BEATS_WITHIN_SECONDS: Final = 120.0
_PATIENCE_SECONDS: Final = 10.0
#: Dagster's own ping (its PingRequest with echo "ping"). In a process of its own, because a library that has
#: threads must not be in a process that forks, and because it would stay in memory.
_PING: Final = """
import os, sys
os.nice(10)
import grpc
with grpc.insecure_channel("unix:" + sys.argv[1]) as channel:
    channel.unary_unary("/api.DagsterApi/Ping")(bytes((10, 4)) + b"ping", timeout=float(sys.argv[2]))
"""


def code_server_answers(socket: Path) -> bool:
    """Whether the code server on ``socket`` answers a ping; about 0.1 CPU s."""
    command = [sys.executable, "-I", "-c", _PING, str(socket), str(_PATIENCE_SECONDS)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE_SECONDS + 5.0,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def daemons_beat(database: Path, now: datetime) -> bool:
    """Whether each of Dagster's daemons that something depends on wrote a heartbeat into ``database`` within
    two minutes of ``now``; one of the future was written before the clock was set back."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5.0)) as opened:
            told = dict(opened.execute("SELECT daemon_type, timestamp FROM daemon_heartbeats").fetchall())
    except sqlite3.Error:
        return False
    beats = [datetime.fromisoformat(str(told[name])).replace(tzinfo=UTC) for name in _DAEMONS if name in told]
    if len(beats) < len(_DAEMONS):
        return False
    return max(abs((now - beat).total_seconds()) for beat in beats) < _BEATS_WITHIN_SECONDS


def webserver_answers(port: int) -> bool:
    """Whether the web server on ``port`` of 127.0.0.1 says what it is."""
    try:
        url = f"http://127.0.0.1:{port}/server_info"
        with urllib.request.urlopen(url, timeout=_PATIENCE_SECONDS) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False
