"""``crypto-bt`` as a process, in an environment with the given settings and none of the caller's."""

import json
import os
import subprocess
import sys
from typing import Any

from crypto_bt.settings import Settings


def start(*arguments: str, **settings: str) -> "subprocess.Popen[str]":
    """Start a command and return at once."""
    environment = {name: value for name, value in os.environ.items() if name not in Settings.model_fields}
    return subprocess.Popen(
        [sys.executable, "-m", "crypto_bt", *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment | settings,
    )  # fmt: skip


def run(*arguments: str, code: int = 0, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end; asserts the exit code."""
    process = start(*arguments, **settings)
    with process:
        out, errors = process.communicate(timeout=300)
    assert process.returncode == code, f"exit code {process.returncode}\n{out}\n{errors}"
    return subprocess.CompletedProcess(arguments, code, out, errors)


def run_json(*arguments: str, code: int = 0, **settings: str) -> Any:
    """The JSON object that a command prints, and nothing else."""
    return json.loads(run(*arguments, "--json", code=code, **settings).stdout)
