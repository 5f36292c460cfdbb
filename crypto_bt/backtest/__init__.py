"""The engine: honest backtests of perpetual futures. Its rules are in docs/assumptions.md.

::

    from crypto_bt.backtest import Rules, simulate, targets
    wanted = targets(strategy, candles)
    result = simulate(candles, wanted, timeframe=strategy.timeframe, rules=Rules(stop_loss=0.05))
    result.metrics, result.trades, result.equity
"""

from crypto_bt.backtest.lookahead import Leak, find_lookahead
from crypto_bt.backtest.rules import Costs, Rules
from crypto_bt.backtest.signals import targets
from crypto_bt.backtest.simulation import Result, simulate

__all__ = ["Costs", "Leak", "Result", "Rules", "find_lookahead", "simulate", "targets"]
