"""What a strategy's targets depend on besides the data: its code and its files."""

import hashlib
import inspect
from pathlib import Path

from crypto_bt.core.errors import BacktestError
from crypto_bt.strategies.strategy import Strategy


def content_digest(strategy: Strategy) -> str:
    """sha256 over the source files of the strategy's class and its bases, and over its ``files``.

    Raises :class:`BacktestError` for a file that is not there.
    """
    code = {inspect.getsourcefile(cls) for cls in type(strategy).__mro__ if issubclass(cls, Strategy)}
    digest = hashlib.sha256()
    for path in [*sorted(Path(source) for source in code if source), *strategy.files]:
        digest.update(hashlib.sha256(required_file(strategy, path).read_bytes()).digest())
    return digest.hexdigest()


def required_file(strategy: Strategy, path: Path) -> Path:
    """``path`` if it is an absolute path to a file; else :class:`BacktestError` naming the strategy."""
    if not path.is_absolute():
        raise BacktestError(
            f"{strategy.name} reads {str(path)!r}, which is not an absolute path.",
            "The night runs in a folder of its own: give the whole path.",
        )
    if not path.is_file():
        raise BacktestError(f"{strategy.name} reads {path}, and there is no such file.")
    return path
