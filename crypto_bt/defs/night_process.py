"""Start the night's child process, pass its progress on, and stop it when its time is up."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.errors import BacktestError

#: Told of a stage of the night: its name, how much of it is done, and of how much.
Stages = Callable[[str, int, int], None]
#: What the child may see of the environment: enough to start Python, and no secret.
ALLOWED_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SYSTEMROOT", "VIRTUAL_ENV")
#: Memory that is not needed goes back to the machine soon, and linear algebra takes one thread.
FRUGAL: Final = {
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:300,muzzy_decay_ms:0",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "262144",
    "OPENBLAS_NUM_THREADS": "1",
}


def run_night_process(
    spec: NightSpec,
    work: Path,
    *,
    timeout_seconds: float,
    say: Callable[[str], None],
    stages: Stages | None = None,
) -> Path:
    """Run ``python -m crypto_bt.night`` on ``spec`` in the empty folder ``work``; returns the result folder.

    ``say`` gets a sentence for each strategy that is done, ``stages`` how far the night is. Raises
    BacktestError with the child's own sentence when it fails, and when it exceeds ``timeout_seconds``.
    """
    spec_file, out = work / "spec.json", work / "out"
    spec_file.write_text(spec.to_json())
    allowed = {name: os.environ[name] for name in ALLOWED_ENVIRONMENT if name in os.environ}
    environment = {**allowed, **FRUGAL, "POLARS_MAX_THREADS": str(spec.threads)}
    command = [sys.executable, "-m", "crypto_bt.night", "--spec", str(spec_file), "--out", str(out)]
    expired = threading.Event()
    with (
        (work / "errors.txt").open("w+") as errors,
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
        ) as process,
    ):

        def stop() -> None:
            expired.set()
            process.kill()

        timer = threading.Timer(timeout_seconds, stop)
        timer.start()
        try:
            for line in process.stdout or ():
                _pass_on(line, say, stages)
            code = process.wait()
        except BaseException:
            process.kill()
            raise
        finally:
            timer.cancel()
        errors.seek(0)
        complaint = errors.read().strip()
    if expired.is_set():
        raise BacktestError(
            f"The night took longer than {timeout_seconds / 60:.0f} minutes and was stopped.",
            "Raise NIGHT_TIMEOUT_MINUTES or run fewer STRATEGIES.",
        )
    if code != 0:
        raise BacktestError(complaint or f"The night's process ended with code {code}.")
    return out


def _pass_on(line: str, say: Callable[[str], None], stages: Stages | None) -> None:
    try:
        message = json.loads(line)
    except ValueError:
        say(line.rstrip())
        return
    if stages and (stage := _stage_of(message)):
        stages(*stage)
    if message.get("event") == "progress":
        error = f"failed: {message['error']}" if message.get("error") else "done"
        say(f"{message['strategy']} {error} ({message['done']} of {message['of']})")
    elif message.get("event") == "failed":
        say(message["traceback"])


def _stage_of(message: Mapping[str, Any]) -> tuple[str, int, int] | None:
    """Which stage a message of the child is about; None for one that is about none."""
    if message.get("event") == "stage":
        return message["stage"], message["done"], message["of"]
    if message.get("event") == "progress":
        return "evaluating signals", message["done"], message["of"]
    return None
