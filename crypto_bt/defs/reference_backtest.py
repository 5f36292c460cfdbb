"""A small backtest whose result every backup remembers: after a restore it must come out the same."""

from datetime import timedelta
from typing import Any, Final

from crypto_bt.core.market import Timeframe
from crypto_bt.store import MarketStore

STRATEGY: Final = "donchian_breakout"
TIMEFRAME: Final = Timeframe.H4
SYMBOLS: Final = 3
DAYS: Final = 60


def reference_backtest(store: MarketStore, snapshot: str) -> dict[str, Any]:
    """``donchian_breakout`` on the last 60 days of H4 of the first three stored symbols of ``snapshot``.

    ``digest`` is the sha256 over trades and equity; ``code_version`` is that of the engine which made it.
    Empty where the snapshot holds too little to backtest.
    """
    from crypto_bt.backtest import simulate, targets
    from crypto_bt.backtest.code_version import code_version
    from crypto_bt.store.documents import sha256_hex
    from crypto_bt.strategies import build_strategy

    name = TIMEFRAME.dataset
    last = max((item.last for item in store.snapshot(snapshot).of(name)), default=None)
    if last is None:
        return {}
    since = last - timedelta(days=DAYS)
    candles = store.read(name, start=since, at=snapshot)
    symbols = candles["symbol"].unique().sort().head(SYMBOLS).to_list()
    candles = store.read(name, symbols=symbols, start=since, at=snapshot)
    strategy = build_strategy(STRATEGY)
    if candles.height <= (strategy.warm_up + 1) * len(symbols):
        return {}
    result = simulate(candles, targets(strategy, candles), timeframe=TIMEFRAME)
    text = result.trades.write_csv() + result.equity.write_csv()
    return {
        "snapshot": snapshot,
        "symbols": symbols,
        "trades": result.trades.height,
        "digest": sha256_hex(text.encode()),
        "code_version": code_version(),
    }
