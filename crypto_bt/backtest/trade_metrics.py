"""The figures of a backtest's trades; each docstring states its convention.

``trades`` is a frame in :data:`crypto_bt.backtest.tables.TRADES_SCHEMA`. A trade with the reason ``open`` is
still held: it counts in ``trades``, in the costs and, with its entry, in the traded notional, and nowhere
else. ``results`` are the net results of closed trades, one float each. A trade that nets exactly 0 is lost.
A figure that is not defined is None, never infinity or NaN.
"""

import math
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest import metrics

Floats = NDArray[np.float64]

_HOUR_MS: Final = 3_600_000


def closed(trades: pl.DataFrame) -> pl.DataFrame:
    """The trades that ended, in the order in which they did (by exit time, then symbol, then entry time)."""
    return trades.filter(pl.col("exit_reason") != "open").sort("exit_time", "symbol", "entry_time")


def expectancy(results: Floats) -> float | None:
    """Mean net result of a closed trade, in the unit of ``results``. None without one."""
    return float(results.mean()) if len(results) else None


def payoff(results: Floats) -> float | None:
    """Mean won over mean lost amount. None unless trades were won and amounts were lost."""
    won, lost = results[results > 0.0], results[results <= 0.0]
    loss = -float(lost.mean()) if len(lost) else 0.0
    return float(won.mean()) / loss if len(won) and loss > 0.0 else None


def system_quality(results: Floats) -> float | None:
    """SQN: sqrt(n) x mean / sample standard deviation (n - 1) of all n results (Tharp 2008, without its cap
    of n at 100). None below two trades or where all are equal."""
    if len(results) < 2 or results.min() == results.max():
        return None
    deviation = float(np.std(results, ddof=1))
    return math.sqrt(len(results)) * float(results.mean()) / deviation if deviation > 0.0 else None


def losing_streak(results: Floats) -> int:
    """Most lost trades in a row, in the order of ``results``."""
    longest = current = 0
    for result in results:
        current = current + 1 if result <= 0.0 else 0
        longest = max(longest, current)
    return longest


def average_holding_hours(trades: pl.DataFrame) -> float | None:
    """Mean hours from entry to exit of closed trades, by the times of rule 35. None without one."""
    ended = closed(trades)
    if ended.is_empty():
        return None
    held = ended.select((pl.col("exit_time") - pl.col("entry_time")).dt.total_milliseconds()).to_series()
    return float(held.to_numpy().mean()) / _HOUR_MS


def held_hours(trades: pl.DataFrame, start_ms: int, end_ms: int) -> float:
    """Hours in [``start_ms``, ``end_ms``) (milliseconds since 1970) in which a position was held, those of
    each symbol added up. Trades of one symbol that overlap count once: they stand for one account."""
    entry, exit_ = (
        pl.col(name).dt.epoch("ms").clip(start_ms, end_ms) for name in ("entry_time", "exit_time")
    )
    until = pl.col("exit").cum_max().shift(1).over("symbol").fill_null(start_ms)
    held = (
        trades.select("symbol", entry=entry, exit=exit_)
        .sort("symbol", "entry", "exit")
        .select((pl.col("exit") - pl.max_horizontal("entry", until)).clip(lower_bound=0).sum())
    )
    return float(held.item()) / _HOUR_MS


def traded_notional(trades: pl.DataFrame) -> float:
    """Quantity x price of every fill, in quote; a trade still open has filled its entry alone."""
    both = pl.col("entry_price") + pl.when(pl.col("exit_reason") == "open").then(0.0).otherwise(
        pl.col("exit_price")
    )
    return float(trades.select((pl.col("quantity") * both).sum()).item())


def trade_figures(trades: pl.DataFrame) -> dict[str, float | None]:
    """All figures of ``trades`` by name; money in quote.

    ``win_rate``, ``profit_factor``, ``payoff`` and ``expectancy`` are of net_pnl; ``sqn`` is of net_return,
    which has no unit and so weighs early and late trades of a compounding account alike. ``losing_streak``
    runs over all symbols of the frame in the order of :func:`closed`.
    """
    ended = closed(trades)
    money, returns = ended["net_pnl"].to_numpy(), ended["net_return"].to_numpy()
    return {
        "trades": trades.height,
        "closed_trades": ended.height,
        "win_rate": metrics.win_rate(float((money > 0.0).sum()), float(len(money))),
        "profit_factor": metrics.profit_factor(
            float(money[money > 0.0].sum()), float(-money[money < 0.0].sum())
        ),
        "expectancy": expectancy(money),
        "payoff": payoff(money),
        "sqn": system_quality(returns),
        "losing_streak": losing_streak(money),
        "average_holding_hours": average_holding_hours(trades),
        "traded_notional": traded_notional(trades),
        "commission": float(trades["commission"].sum()),
        "slippage": float(trades["slippage"].sum()),
        "funding": float(trades["funding"].sum()),
        "liquidations": int((trades["exit_reason"] == "liquidation").sum()),
    }


def marked_figures(trades: pl.DataFrame) -> dict[str, float | None]:
    """``win_rate`` and ``profit_factor`` of all ``trades``, those still open at their last mark: a rule that
    never sells at a loss would otherwise have none."""
    money = trades["net_pnl"].to_numpy()
    won, lost = money[money > 0.0], money[money <= 0.0]
    return {
        "win_rate": metrics.win_rate(float(len(won)), float(len(money))),
        "profit_factor": metrics.profit_factor(float(won.sum()), float(-lost.sum())),
    }
