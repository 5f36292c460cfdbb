"""One file, one strategy: parameters, needs and a polars expression. Found by file name, never registered."""

from crypto_bt.strategies.catalogue import build_strategy, strategy_classes, strategy_names
from crypto_bt.strategies.strategy import Strategy

__all__ = ["Strategy", "build_strategy", "strategy_classes", "strategy_names"]
