"""crypto_bt: fresh market data and honest nightly backtests for a crypto-futures desk."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = ["load_candles", "load_dataset"]


def __getattr__(name: str) -> Any:
    """``load_candles`` and ``load_dataset``, imported when they are first asked for."""
    if name in __all__:
        return getattr(import_module("crypto_bt.notebook"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
