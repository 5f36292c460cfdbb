"""backtesting.py under measurement: one run for each symbol and parameter set, on a share of the symbols.

Whole units of scaled prices, filled at the next open; stops are prices around that open.
"""

import sys
import warnings
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy, backtesting
from worker import serve


class Follow(Strategy):
    """Follows ``target``; an entry only where it changes."""

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
        if side and self.stop_loss:
            fill = self.opens[seen + 1]
            levels = {
                "sl": fill * (1.0 - side * self.stop_loss),
                "tp": fill * (1.0 + side * self.take_profit),
            }
            (self.buy if side > 0 else self.sell)(**levels)
        elif side:
            (self.buy if side > 0 else self.sell)()


def main(path: str, symbols: str) -> None:
    """Serve the cases of the file at ``path`` for its first ``symbols`` symbols."""
    with np.load(path) as file:
        work = {name: file[name] for name in file.files}
    targets = work["target"]
    index = pd.date_range("2023-01-01", periods=targets.shape[1], freq="4h")
    frames = [
        pd.DataFrame(
            {name: work[name.lower()][:, symbol] for name in ("Open", "High", "Low", "Close")}, index
        )
        for symbol in range(int(symbols))
    ]

    def case(stops: bool) -> Callable[[], int]:
        trades = 0
        accounts = zip(work["commission"], work["stop_loss"], work["take_profit"], strict=True)
        for target, (commission, stop, profit) in product(targets, accounts):
            for symbol, frame in enumerate(frames):
                run: Any = Backtest(frame, Follow, cash=1e9, commission=float(commission))
                stats = run.run(
                    target=target[:, symbol],
                    opens=work["open"][:, symbol],
                    stop_loss=float(stop) if stops else 0.0,
                    take_profit=float(profit) if stops else 0.0,
                )
                trades += int(stats["# Trades"])
        return lambda: trades

    serve({"no stops": partial(case, False), "stops": partial(case, True)})


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    backtesting._tqdm = lambda iterable, **_: iterable
    main(*sys.argv[1:])
