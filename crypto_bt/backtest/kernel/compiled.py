"""How the kernel's functions are compiled, and where the result is kept.

numba drops its cache of a function when that function's own file changes. The kernel is several files, so
its cache lies in a folder named after the content of all of them.
"""

import hashlib
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import config, njit

from crypto_bt.backtest import layout

HERE = Path(__file__).parent


@cache
def kernel_version() -> str:
    """Content hash of every file that is compiled into the kernel."""
    digest = hashlib.sha256()
    for path in (*sorted(HERE.glob("*.py")), Path(layout.__file__)):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


@cache
def cache_folder() -> Path | None:
    """Where compiled code may be kept: beside the source, else in the user's cache, else nowhere."""
    for beside in (True, False):
        parent = HERE / "__pycache__" if beside else _user_cache()
        folder = parent / f"kernel-{kernel_version()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (OSError, RuntimeError):
            continue
        if os.access(folder, os.W_OK):
            return folder
    return None


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "crypto_bt"


def part(function: Callable[..., Any]) -> Any:
    """A part of the kernel, compiled into the functions that call it."""
    return njit(nogil=True, error_model="numpy", _nrt=False, forceinline=True)(function)


def whole(function: Callable[..., Any]) -> Any:
    """Compiled without the interpreter lock, and kept on disk where that is possible."""
    folder = cache_folder()
    if folder is None:
        return part(function)
    before, config.CACHE_DIR = config.CACHE_DIR, str(folder)
    try:
        return njit(nogil=True, cache=True, error_model="numpy", _nrt=False)(function)
    finally:
        config.CACHE_DIR = before
