"""Run by the peers' Python: one market through backtesting.py, symbol by symbol.

backtesting.py trades whole units, so each account is scaled until its position is about 1e11 units; results
are scaled back. It fills at the next open and its stops work from the entry bar on, as ours do; they are
prices, so the strategy looks up the open at which its order will be filled.
"""

import warnings
from collections.abc import Mapping

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from peer_answer import answer

UNITS = 1e11
FIGURES = {"figure_win_rate_percent": "Win Rate [%]", "figure_sqn": "SQN"}


class Follow(Strategy):
    """Follows ``target``; an entry only where it changes, which is our rule 20."""

    target = np.empty(0)
    opens = np.empty(0)
    stop_loss = 0.0
    take_profit = 0.0

    def init(self) -> None:
        """Nothing to prepare."""

    def next(self) -> None:
        """Act on the target seen at this bar's close."""
        seen = len(self.data) - 1
        side = int(self.target[seen])
        if side == self.target[seen - 1] or seen + 1 == len(self.opens):
            return
        if self.position:
            self.position.close()
        if side:
            fill = self.opens[seen + 1]
            stop = fill * (1.0 - side * self.stop_loss) if self.stop_loss else None
            profit = fill * (1.0 + side * self.take_profit) if self.take_profit else None
            (self.buy if side > 0 else self.sell)(sl=stop, tp=profit)


def simulate(question: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Trades (a row for each closed trade), equity (bars, symbols) at every close, figures by symbol."""
    target, capital = question["target"], float(question["capital"])
    prices = {name: question[name.lower()] for name in ("Open", "High", "Low", "Close")}
    index = pd.date_range("2024-01-01", periods=len(target), freq="1h")
    parts, equity = [], np.empty(target.shape)
    figures: dict[str, list[float]] = {name: [] for name in FIGURES}
    for symbol in range(target.shape[1]):
        frame = pd.DataFrame({name: values[:, symbol] for name, values in prices.items()}, index=index)
        scale = UNITS * prices["Open"][0, symbol] / capital
        run = Backtest(
            frame,
            Follow,
            cash=capital * scale,
            commission=float(question["commission"]),
            trade_on_close=False,
        )
        stats = run.run(
            target=target[:, symbol],
            opens=prices["Open"][:, symbol],
            stop_loss=float(question["stop_loss"]),
            take_profit=float(question["take_profit"]),
        )
        equity[:, symbol] = stats["_equity_curve"]["Equity"].to_numpy() / scale
        for name, title in FIGURES.items():
            figures[name].append(float(stats[title]))
        trades = stats["_trades"]
        size = trades["Size"].to_numpy(dtype=np.float64)
        part = {
            "symbol": np.full(len(trades), symbol),
            "side": np.sign(size),
            "entry_bar": trades["EntryBar"],
            "exit_bar": trades["ExitBar"],
            "quantity": np.abs(size) / scale,
            "entry_price": trades["EntryPrice"],
            "exit_price": trades["ExitPrice"],
            "net_pnl": trades["PnL"] / scale,
        }
        parts.append({name: np.asarray(values) for name, values in part.items()})
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {"equity": equity, **columns, **{name: np.array(values) for name, values in figures.items()}}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    answer(simulate)
