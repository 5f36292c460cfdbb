"""``crypto-bt dev``: the Dagster web UI on a home, with its loopback exchange if it has one."""

import contextlib
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from crypto_bt.commands.homes import HomeOption, keep_keys_out, open_home, prepare_home
from crypto_bt.commands.loopback import LoopbackMarket, served
from crypto_bt.core.errors import UsageError
from crypto_bt.runtime.home import Home
from crypto_bt.runtime.processes import interrupted_with_parent
from crypto_bt.settings import PROJECT


def dev(
    home: HomeOption = None,
    port: Annotated[int, typer.Option(help="Port of the web UI on 127.0.0.1.", min=1, max=65535)] = 3000,
) -> None:
    """Open a home in the Dagster web UI: lineage, materializations, checks, schedules. Ctrl-C ends it.

    A demo home's loopback exchange is started beside it.
    """
    settings = open_home(home)
    keep_keys_out(settings)
    market = LoopbackMarket.load(Home(settings.CRYPTO_BT_HOME).market_file)
    require_free(port)
    with contextlib.ExitStack() as stack:
        stack.enter_context(Home(settings.CRYPTO_BT_HOME).locked("service", "crypto-bt dev"))
        _forget_dead_runs(Home(settings.CRYPTO_BT_HOME))
        if market is not None:
            url = stack.enter_context(served(market))
            prepare_home(settings.CRYPTO_BT_HOME, {"EXCHANGE_URL": url})
            typer.echo(f"The home's loopback exchange listens on {url}.")
        typer.echo(f"Web UI of {settings.CRYPTO_BT_HOME}: http://127.0.0.1:{port} (ready in about 20 s)")
        raise SystemExit(_run_dagster(settings.CRYPTO_BT_HOME, port))


def _run_dagster(home: Path, port: int) -> int:
    """Dagster reads the ``.env`` of its working directory, hence it is started in the home.

    It gets a session of its own and is told once to stop, whichever way this process is told; started in
    the background it would otherwise inherit ignored signals and never end.
    """
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(PROJECT / "workspace.yaml")]
    command += ["-h", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(
        command,
        cwd=home,
        start_new_session=True,
        preexec_fn=interrupted_with_parent,
    )

    def stop(number: int, frame: FrameType | None) -> None:
        process.send_signal(signal.SIGINT)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    return process.wait()


def _forget_dead_runs(home: Home) -> None:
    from crypto_bt.defs.dead_runs import fail_dead_runs
    from crypto_bt.defs.execute import open_instance

    with open_instance(home) as instance:
        fail_dead_runs(instance)


def require_free(port: int) -> None:
    """Raise UsageError where something listens on ``port`` already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise UsageError(f"Port {port} is taken.", "Choose another with --port.") from None
