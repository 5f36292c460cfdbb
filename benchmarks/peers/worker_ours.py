"""The engine under measurement: all statistics of every account, on one thread."""

import sys
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray
from worker import serve

from crypto_bt.backtest.bars import Bars, arrange_bars
from crypto_bt.backtest.engine import Signals, run
from crypto_bt.backtest.layout import STATISTICS
from crypto_bt.backtest.parameters import parameter_array
from crypto_bt.backtest.rules import Costs, Distance, Exits, Rules, Sizing
from crypto_bt.core.market import Timeframe


def arranged(work: Mapping[str, NDArray[np.float64]]) -> Bars:
    """The market of ``work`` as the engine's arrays."""
    bars, symbols = work["open"].shape
    step = Timeframe.H4.milliseconds
    times = pl.Series(np.arange(bars) * step).cast(pl.Datetime("ms", "UTC"))
    prices = {name: np.ascontiguousarray(work[name].T).ravel() for name in ("open", "high", "low", "close")}
    names = np.repeat([f"S{number:02d}USDT" for number in range(symbols)], bars)
    frame = pl.DataFrame({"symbol": names, **prices, "volume": 1.0})
    return arrange_bars(frame.with_columns(open_time=pl.concat([times] * symbols)), Timeframe.H4)


def rules(commission: float, stop: float, profit: float) -> Rules:
    """The whole account in every trade, with room for the entry's commission; 0 for no exit."""
    return Rules(
        Costs(taker_bps=commission * 1e4, maker_bps=commission * 1e4, slippage_bps=0.0),
        Exits(stop_loss=Distance(stop), take_profit=Distance(profit)),
        Sizing(exposure=1.0 / (1.0 + commission)),
    )


def main(path: str) -> None:
    """Serve the cases of the file at ``path``."""
    with np.load(path) as file:
        work = {name: file[name] for name in file.files}
    bars, targets = arranged(work), work["target"]
    hundredths = (targets * 100).astype(np.int8).transpose(0, 2, 1)
    signals = Signals(np.ascontiguousarray(hundredths.reshape(len(targets), -1)))
    stops = [work[name].tolist() for name in ("commission", "stop_loss", "take_profit")]
    none = [0.0] * len(stops[0])

    def parameters(accounts: list[list[float]]) -> NDArray[np.void]:
        return parameter_array(
            [(row, rules(*account)) for row in range(len(targets)) for account in zip(*accounts, strict=True)]
        )

    def case(sets: NDArray[np.void]) -> Callable[[], int]:
        statistics = run(bars, signals, sets)
        return lambda: int(statistics[:, :, STATISTICS.index("trades")].sum())

    cases = {"no stops": [stops[0], none, none], "stops": stops}
    serve({name: partial(case, parameters(accounts)) for name, accounts in cases.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
