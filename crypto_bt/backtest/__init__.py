"""The engine: honest backtests of perpetual futures. Its rules are in docs/assumptions.md.

::

    from crypto_bt.backtest import Distance, Exits, Rules, simulate, targets
    wanted = targets(strategy, candles)
    rules = Rules(exits=Exits(stop_loss=Distance(0.05)))
    result = simulate(candles, wanted, timeframe=strategy.timeframe, rules=rules)
    result.metrics, result.trades, result.equity
"""

from crypto_bt.backtest.lookahead import Leak, find_lookahead
from crypto_bt.backtest.portfolio_rules import PortfolioRules
from crypto_bt.backtest.rules import Costs, Distance, Exits, Rules, Sizing
from crypto_bt.backtest.shared_capital import SharedResult, simulate_shared
from crypto_bt.backtest.signals import targets
from crypto_bt.backtest.simulation import Result, simulate
from crypto_bt.backtest.sweep import Sweep, sweep, walk_forward

__all__ = [
    "Costs",
    "Distance",
    "Exits",
    "Leak",
    "PortfolioRules",
    "Result",
    "Rules",
    "SharedResult",
    "Sizing",
    "Sweep",
    "find_lookahead",
    "simulate",
    "simulate_shared",
    "sweep",
    "targets",
    "walk_forward",
]
