"""One file, one strategy: parameters, needs and a polars expression. Found by file name, never registered;
another package registers its own under the entry points ``crypto_bt.strategies`` (docs/strategies.md)."""

from crypto_bt.strategies.catalogue import (
    build_strategy,
    strategy_class,
    strategy_classes,
    strategy_names,
    strategy_problems,
)
from crypto_bt.strategies.exits import ExitPlan
from crypto_bt.strategies.expressions import average_true_range
from crypto_bt.strategies.kinds.callable import CallableStrategy, bar_by_bar
from crypto_bt.strategies.kinds.onnx_policy import OnnxPolicy
from crypto_bt.strategies.kinds.signal_file import SignalFile
from crypto_bt.strategies.strategy import FrameStrategy, Strategy

__all__ = [
    "CallableStrategy",
    "ExitPlan",
    "FrameStrategy",
    "OnnxPolicy",
    "SignalFile",
    "Strategy",
    "average_true_range",
    "bar_by_bar",
    "build_strategy",
    "strategy_class",
    "strategy_classes",
    "strategy_names",
    "strategy_problems",
]
