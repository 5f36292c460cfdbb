"""From accounts to daily equity: one share of the capital per symbol, never rebalanced."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest.bars import Bars
from crypto_bt.backtest.candle_rows import DAY_MS


@dataclass(frozen=True)
class DailyEquity:
    """``days`` (n) UTC days since 1970; ``accounts`` (n + 1, symbols) in quote: row 0 is the start of the
    first day, row k the end of day k. ``spans`` are each symbol's first and last row, start included."""

    days: NDArray[np.int64]
    accounts: NDArray[np.float64]
    spans: tuple[tuple[int, int], ...]

    @property
    def portfolio(self) -> NDArray[np.float64]:
        """Sum of the accounts; a share whose symbol is not listed yet waits in cash."""
        total = np.zeros(len(self.accounts))
        for symbol in range(self.accounts.shape[1]):
            total += self.accounts[:, symbol]
        return total

    def account(self, symbol: int) -> NDArray[np.float64]:
        """The marks of one symbol over its own days."""
        first, last = self.spans[symbol]
        return self.accounts[first : last + 1, symbol]

    @property
    def end_ms(self) -> NDArray[np.int64]:
        """Milliseconds since 1970 of every row: the UTC midnight it is the mark of."""
        return np.append(self.days[:1], self.days + 1) * DAY_MS


def daily_equity(bars: Bars, daily: NDArray[np.float64]) -> DailyEquity:
    """Daily marks from ``daily`` (symbols, days + 1; quote), with the days that each symbol was traded on."""
    days = np.arange(bars.first_day, bars.first_day + bars.days)
    spans = []
    for symbol in range(len(bars.symbols)):
        times = bars.open_time[bars.span(symbol)]
        first, last = int(times[0]) // DAY_MS, int(times[-1]) // DAY_MS
        spans.append((first - bars.first_day, last - bars.first_day + 1))
    return DailyEquity(days, np.ascontiguousarray(daily.T), tuple(spans))
