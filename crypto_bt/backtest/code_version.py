"""Which code computed a result: a checksum of the source files that decide it."""

import hashlib
from pathlib import Path

_ROOMS = ("core", "strategies", "backtest")


def code_version(root: Path | None = None) -> str:
    """sha256 over names and contents of the engine's source files; changes when any of them does.

    ``root`` is the folder of the package (default: this installation's).
    """
    root = root or Path(__file__).resolve().parents[1]
    files = [*root.glob("night*.py"), *(path for room in _ROOMS for path in (root / room).rglob("*.py"))]
    digest = hashlib.sha256()
    for path in sorted(files, key=lambda path: path.relative_to(root).as_posix()):
        digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
