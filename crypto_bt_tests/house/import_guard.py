"""Run as a script with module names: imports them and prints, as JSON, what they must not have done.

Libraries are imported before the guard is set: what they do at import is not ours to judge.
"""

import importlib
import json
import os
import sys
from pathlib import Path

OURS = str(Path(__file__).resolve().parents[2] / "crypto_bt") + os.sep
LIBRARIES = (
    "aiohttp.web", "dagster", "dotenv", "filelock", "jinja2", "numba", "numpy", "polars", "psutil",
    "pydantic_settings", "rich.console", "rich.progress", "rich.table", "tenacity", "typer",
)  # fmt: skip
CODE = (".py", ".pyc", ".so")


def main() -> None:
    """Import under guard and report."""
    for name in LIBRARIES:
        importlib.import_module(name)
    sys.dont_write_bytecode = True
    found: list[tuple[str, str]] = []

    def guard(event: str, arguments: tuple[object, ...]) -> None:
        if "__pycache__" in str(arguments):
            return  # numba looks for its cache, as Python itself does
        if event == "open" and not str(arguments[0]).endswith(CODE):
            found.append((event, str(arguments[0])))
        elif event.startswith("socket.") or event in ("subprocess.Popen", "os.mkdir", "os.remove"):
            found.append((event, str(arguments)[:80]))

    look_up = os._Environ.__getitem__

    def watched(self: "os._Environ[str]", key: str) -> str:
        frame = sys._getframe(1)
        callers = []
        while frame is not None and len(callers) < 4:
            callers.append(frame.f_code.co_filename)
            frame = frame.f_back  # type: ignore[assignment]
        if any(caller.startswith(OURS) for caller in callers):
            found.append(("environment", key))
        return look_up(self, key)

    os._Environ.__getitem__ = watched  # type: ignore[method-assign]
    sys.addaudithook(guard)
    for name in sys.argv[1:]:
        importlib.import_module(name)
    sys.stdout.write(json.dumps(found))


main()
