"""Asks a peer in its own environment: arrays in, arrays out, through one .npz file each way."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
PEERS_PYTHON = ROOT / ".peers" / "bin" / "python"
Arrays = dict[str, NDArray[np.generic]]

needs_peers = pytest.mark.skipif(
    not (ROOT / ".peers" / ".complete").exists(),
    reason="the tools to agree with are not installed: run `make peers`",
)


def ask(
    script: str,
    common: Mapping[str, object],
    questions: Sequence[Mapping[str, object]],
    folder: Path,
    timeout: float = 300.0,
) -> list[Arrays]:
    """The answers of ``script`` (beside this file) to each of ``questions``, all of which have ``common``."""
    asked, answered = folder / "asked.npz", folder / "answered.npz"
    keyed = {f"common/{name}": value for name, value in common.items()}
    for number, question in enumerate(questions):
        keyed |= {f"{number}/{name}": value for name, value in question.items()}
    np.savez(asked, **{key: np.asarray(value) for key, value in keyed.items()})
    command = [str(PEERS_PYTHON), str(Path(__file__).with_name(script)), str(asked), str(answered)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr[-2_000:]
    with np.load(answered) as file:
        return [
            {key.split("/")[1]: file[key] for key in file.files if key.startswith(f"{number}/")}
            for number in range(len(questions))
        ]
