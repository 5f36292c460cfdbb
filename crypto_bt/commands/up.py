"""``crypto-bt up``: Dagster's daemon, web server and code server, kept running by a small supervisor."""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer

from crypto_bt.alerts import open_alerts
from crypto_bt.commands.courier import Courier
from crypto_bt.commands.dev import require_free
from crypto_bt.commands.homes import HomeOption, keep_keys_out, open_home, prepare_home
from crypto_bt.commands.loopback import LoopbackMarket, served
from crypto_bt.core.alerts import Alert
from crypto_bt.core.service_level import Change, State
from crypto_bt.core.supervision_alerts import down_alert, part_alerts
from crypto_bt.runtime.family import kill_marked
from crypto_bt.runtime.health_probe import SUPERVISOR_FILE, read_told
from crypto_bt.runtime.home import Home
from crypto_bt.runtime.isolation import give_way
from crypto_bt.runtime.job_log import JobLogs, rotate_held_open
from crypto_bt.runtime.notify import notify
from crypto_bt.runtime.probes import code_server_answers, daemons_beat, webserver_answers
from crypto_bt.runtime.processes import process_mark
from crypto_bt.runtime.steady_clock import SteadyClock
from crypto_bt.runtime.supervisor import Event, Part, Running, Supervisor
from crypto_bt.settings import load_settings
from crypto_bt.store import write_atomically
from crypto_bt.store.uptime_ledger import begin, record_change

#: In the environment of everything that is started here: the home it belongs to.
MARK: Final = "CRYPTO_BT_UP_OF"


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
    keep_keys_out(settings)
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
        begin(at.root, _last_beat(at), datetime.now(UTC))
        # A path of its own: a home's may be longer than a socket's may be.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crypto_bt-")))
        typer.echo(f"Web UI of {at.root}: http://127.0.0.1:{port} (ready in about 20 s)")
        courier = _courier(at)
        stack.callback(courier.stop)
        courier.tell(_was_down(at))
        parts, clock = _parts(at, folder, port, read_only=read_only), SteadyClock()
        Supervisor(parts, clock, _teller(at, courier), _beat(at, clock)).run()
        record_change(at.root, Change(datetime.now(UTC), State.STOPPED))
        notify("STOPPING=1")


def _end_dead_runs(home: Home) -> None:
    command = [sys.executable, "-m", "crypto_bt.defs.dead_runs", str(home.root)]
    with subprocess.Popen(command, start_new_session=True) as process:
        give_way(process.pid)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)


def _last_beat(home: Home) -> datetime | None:
    """When an earlier supervisor last wrote that it is alive."""
    told = read_told(home.root / SUPERVISOR_FILE).get("beat")
    return datetime.fromisoformat(told) if told else None


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
    python, logs = sys.executable, home.logs
    code = [python, "-m", "dagster", "api", "grpc", "-m", "crypto_bt.definitions", "--socket", str(socket)]
    daemon = [python, "-m", "dagster._daemon", "run", "-w", str(workspace)]
    web = [python, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port), "-w", str(workspace)]
    return [
        Part(
            "code_server",
            [*code, "--location-name", "crypto_bt"],
            home.root,
            logs / "code_server.log",
            environment,
            ready=socket.exists,
            probe=lambda: code_server_answers(socket),
            probe_every=timedelta(seconds=60),
        ),
        Part(
            "daemon", daemon, home.root, logs / "daemon.log", environment,
            probe=lambda: daemons_beat(home.dagster / "history" / "runs.db", datetime.now(UTC)),
        ),
        Part(
            "webserver",
            [*web, *(["--read-only"] if read_only else [])],
            home.root,
            logs / "webserver.log",
            environment,
            probe=lambda: webserver_answers(port),
        ),
    ]  # fmt: skip


def _teller(home: Home, courier: Courier) -> Callable[[Event], None]:
    """Prints what happens, and alerts where somebody should know."""
    again = f"crypto-bt up --home {shlex.quote(str(home.root))}"
    logs = JobLogs(home.logs)

    def tell(event: Event) -> None:
        now = datetime.now(UTC)
        # Neither a terminal that is gone nor a full disk may keep the alert from being told.
        with contextlib.suppress(OSError):
            typer.echo(f"{now:%Y-%m-%d %H:%M:%S} UTC  {event.text}")
        with contextlib.suppress(OSError):
            logs.write("supervisor", "warning", event.text, part=event.part, kind=event.kind)
        log = f"{home.logs / event.part}.log"
        courier.tell(part_alerts(event.part, event.kind, event.text, now, log, again))

    return tell


def _courier(home: Home) -> Courier:
    """Alerts and the dead-man's switch, as the home's settings want them."""
    settings = load_settings(home.root)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: E731 - a value, handed on
    office = open_alerts(home.root, settings.alert_wiring, clock)
    deadman = ["deadman", "--home", str(home.root)] if settings.DEADMAN_URL else None
    return Courier(office, clock, deadman).start()


def _was_down(home: Home) -> list[Alert]:
    """The alert that an earlier supervisor is gone that nobody stopped; none where it was stopped."""
    try:
        told = json.loads((home.root / SUPERVISOR_FILE).read_bytes())
        running = [part for part in told["parts"].values() if part["pid"]]
        beat = datetime.fromisoformat(told["beat"]).astimezone(UTC)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return []
    return [down_alert(beat, datetime.now(UTC))] if running else []


def _beat(home: Home, clock: SteadyClock) -> Callable[[Sequence[Running]], None]:
    """Tells systemd that all is well, and writes what runs into the home, for status and health."""
    before = State.DOWN

    def beat(parts: Sequence[Running]) -> None:
        nonlocal before
        # First, as systemd would end everything for a disk that is full.
        notify("READY=1\nWATCHDOG=1")
        state = State.UP if all(running.process for running in parts) else State.DOWN
        if state is not before:
            record_change(home.root, Change(datetime.now(UTC), state))
            before = state
        for running in parts:
            rotate_held_open(running.part.log)
        told = {
            "process": process_mark(),
            "beat": datetime.now(UTC).isoformat(),
            "parts": {
                running.part.name: {
                    "pid": running.process.pid if running.process else None,
                    "started": clock.on_the_wall(running.started).isoformat() if running.started else None,
                    "restarts": [clock.on_the_wall(moment).isoformat() for moment in running.restarts],
                    "given_up": running.given_up,
                }
                for running in parts
            },
        }
        write_atomically(home.root / SUPERVISOR_FILE, json.dumps(told, indent=1).encode())

    return beat
