"""Run by the peers' Python: one market through vectorbt's Rust engine, with our order of events.

vectorbt takes one order a row and no stop in the row of an entry. So a bar is three rows: (1) leave at the
open, (2) enter at the open, both without a range, so that no stop can be touched; (3) the bar's range, where
stops and targets are. An entry is signalled only where the target changes, which is our rule 20.
"""

from collections.abc import Mapping

import numpy as np
import vectorbt as vbt
from peer_answer import answer
from vectorbt.portfolio.enums import StopEntryPrice, StopExitPrice


def rows(bars: np.ndarray, kind: int, shape: tuple[int, int], empty: float) -> np.ndarray:
    """``bars`` (bars, symbols) in the rows of this kind (0, 1, 2), ``empty`` elsewhere."""
    out = np.full((shape[0] * 3, shape[1]), empty, dtype=bars.dtype)
    out[kind::3] = bars
    return out


def simulate(question: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Trades (a row for each closed trade) and equity (bars, symbols) at every close."""
    target, shape = question["target"], question["target"].shape
    prices = {name: question[name] for name in ("open", "high", "low", "close")}
    wanted = np.vstack([np.zeros((1, shape[1]), np.int8), target[:-1]])
    changed = np.vstack([wanted[:1] != 0, wanted[1:] != wanted[:-1]])
    fills = np.repeat(prices["open"], 3, axis=0)
    fills[2::3] = prices["close"]
    leave = rows(changed, 0, shape, False)
    stop, profit = float(question["stop_loss"]), float(question["take_profit"])
    portfolio = vbt.Portfolio.from_signals(
        close=rows(prices["close"], 2, shape, np.nan),
        open=rows(prices["open"], 2, shape, np.nan),
        high=rows(prices["high"], 2, shape, np.nan),
        low=rows(prices["low"], 2, shape, np.nan),
        entries=rows(changed & (wanted > 0), 1, shape, False),
        exits=leave,
        short_entries=rows(changed & (wanted < 0), 1, shape, False),
        short_exits=leave,
        price=fills,
        size=np.inf,
        fees=float(question["commission"]),
        slippage=float(question["slippage"]),
        sl_stop=stop or np.nan,
        tp_stop=profit or np.nan,
        stop_entry_price=StopEntryPrice.FillPrice,
        stop_exit_price=StopExitPrice.StopLimit if profit else StopExitPrice.StopMarket,
        init_cash=float(question["capital"]),
        freq="1h",
        engine="rust",
    )
    records = portfolio.exit_trades.values
    ended = records[records["status"] == 1]
    return {
        "symbol": ended["col"],
        "side": np.where(ended["direction"] == 0, 1, -1),
        "entry_bar": ended["entry_idx"] // 3,
        "exit_bar": ended["exit_idx"] // 3,
        "quantity": ended["size"],
        "entry_price": ended["entry_price"],
        "exit_price": ended["exit_price"],
        "net_pnl": ended["pnl"],
        "equity": np.asarray(portfolio.value())[2::3],
    }


if __name__ == "__main__":
    answer(simulate)
