"""``crypto-bt up``: Dagster's daemon, web server and code server, kept running by a small supervisor."""

import contextlib
import json
import os
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from crypto_bt.alerts.log_file import AlertLog
from crypto_bt.commands.dev import require_free
from crypto_bt.commands.homes import HomeOption, open_home, prepare_home
from crypto_bt.commands.loopback import LoopbackMarket, served
from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.runtime.family import kill_marked
from crypto_bt.runtime.home import Home
from crypto_bt.runtime.isolation import give_way
from crypto_bt.runtime.notify import notify
from crypto_bt.runtime.processes import process_mark
from crypto_bt.runtime.supervisor import Event, Part, Running, Supervisor
from crypto_bt.store import write_atomically

#: In the environment of everything that is started here: the home it belongs to.
MARK: Final = "CRYPTO_BT_UP_OF"
STATE: Final = "supervisor.json"
#: Daemons write their heartbeats every 30 s.
_DAEMON_SECONDS: Final = 120.0


def up(
    home: HomeOption = None,
    port: Annotated[int, typer.Option(help="Port of the web UI on 127.0.0.1.", min=1, max=65535)] = 3000,
    read_only: Annotated[bool, typer.Option(help="A web UI that starts and changes nothing.")] = False,
) -> None:
    """Keep a home at work: schedules, sensors and web UI; whatever ends or hangs is started again.

    Ends on Ctrl-C, SIGTERM or SIGHUP, and leaves nothing running. Also what systemd starts (deploy/).

    Example: crypto-bt up --home data/live
    """
    settings = open_home(home)
    at = Home(settings.CRYPTO_BT_HOME)
    require_free(port)
    give_way(os.getpid())
    with contextlib.ExitStack() as stack:
        stack.enter_context(at.locked("service", "crypto-bt up"))
        left = kill_marked(MARK, str(at.root))
        if left:
            typer.echo(f"Ended {left} processes that an earlier crypto-bt up had left behind.")
        _end_dead_runs(at)
        market = LoopbackMarket.load(at.market_file)
        if market is not None:
            url = stack.enter_context(served(market))
            prepare_home(at.root, {"EXCHANGE_URL": url})
        # A path of its own: a home's may be longer than a socket's may be.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crypto_bt-")))
        typer.echo(f"Web UI of {at.root}: http://127.0.0.1:{port} (ready in about 20 s)")
        Supervisor(
            _parts(at, folder, port, read_only=read_only), lambda: datetime.now(UTC), _teller(at), _beat(at)
        ).run()
        notify("STOPPING=1")


def _end_dead_runs(home: Home) -> None:
    command = [sys.executable, "-m", "crypto_bt.defs.dead_runs", str(home.root)]
    with subprocess.Popen(command, start_new_session=True) as process:
        give_way(process.pid)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def _parts(home: Home, folder: Path, port: int, *, read_only: bool) -> list[Part]:
    """Code server first: daemon and web server share it."""
    socket, workspace = folder / "code.sock", folder / "workspace.yaml"
    workspace.write_text(
        f"load_from:\n  - grpc_server: {{socket: {json.dumps(str(socket))}, location_name: crypto_bt}}\n"
    )
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home.dagster),
        "CRYPTO_BT_HOME": str(home.root),
        MARK: str(home.root),
    }
    python, logs = sys.executable, home.root / "logs"
    code = [python, "-m", "dagster", "api", "grpc", "-m", "crypto_bt.definitions", "--socket", str(socket)]
    daemon = [python, "-m", "dagster._daemon", "run", "-w", str(workspace)]
    web = [python, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port), "-w", str(workspace)]

    started = time.time()
    return [
        Part(
            "code_server",
            [*code, "--location-name", "crypto_bt"],
            home.root,
            logs / "code_server.log",
            environment,
            ready=socket.exists,
        ),
        Part(
            "daemon", daemon, home.root, logs / "daemon.log", environment,
            probe=lambda: daemons_beat(home, started),
        ),
        Part(
            "webserver",
            [*web, *(["--read-only"] if read_only else [])],
            home.root,
            logs / "webserver.log",
            environment,
            probe=lambda: _answers(port),
        ),
    ]  # fmt: skip


def daemons_beat(home: Home, started: float) -> bool:
    """Whether a daemon of Dagster wrote a heartbeat within two minutes; not asked in the first two."""
    if time.time() - started < _DAEMON_SECONDS:
        return True
    database = home.dagster / "history" / "runs.db"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=5.0)) as opened:
            newest = opened.execute("SELECT MAX(timestamp) FROM daemon_heartbeats").fetchone()[0]
    except sqlite3.Error:
        return False
    if newest is None:
        return False
    moment = datetime.fromisoformat(str(newest)).replace(tzinfo=UTC)
    return (datetime.now(UTC) - moment).total_seconds() < _DAEMON_SECONDS


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=10.0) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False


def _teller(home: Home) -> Callable[[Event], None]:
    """Prints what happens, and alerts where somebody should know."""
    alerts = AlertLog(home.alerts, lambda: datetime.now(UTC))

    def tell(event: Event) -> None:
        now = datetime.now(UTC)
        typer.echo(f"{now:%Y-%m-%d %H:%M:%S} UTC  {event.text}")
        if event.kind == "restarted":
            return
        given_up = event.kind == "given_up"
        alert = Alert(
            cause="supervisor_gave_up" if given_up else "supervisor_restart",
            severity=AlertSeverity.CRITICAL if given_up else AlertSeverity.WARNING,
            what=f"{event.text} Its log: {home.root / 'logs' / event.part}.log",
            where=event.part,
            value=event.kind,
            limit="running",
            since=now,
            command=f"crypto-bt up --home {shlex.quote(str(home.root))}" if given_up else "",
        )
        try:
            alerts.send(alert)
        except CryptoBtError as error:
            typer.echo(str(error), err=True)

    return tell


def _beat(home: Home) -> Callable[[Sequence[Running]], None]:
    """Writes what runs into the home, for status and health; and tells systemd that all is well."""

    def beat(parts: Sequence[Running]) -> None:
        told = {
            "process": process_mark(),
            "beat": datetime.now(UTC).isoformat(),
            "parts": {
                running.part.name: {
                    "pid": running.process.pid if running.process else None,
                    "started": running.started.isoformat() if running.started else None,
                    "restarts": [moment.isoformat() for moment in running.restarts],
                    "given_up": running.given_up,
                }
                for running in parts
            },
        }
        write_atomically(home.root / STATE, json.dumps(told, indent=1).encode())
        notify("READY=1\nWATCHDOG=1")

    return beat
