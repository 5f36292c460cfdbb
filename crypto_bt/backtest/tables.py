"""The result tables of one backtest: trades, equity, metrics."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest import metrics
from crypto_bt.backtest.bars import Bars
from crypto_bt.backtest.engine import Recording
from crypto_bt.backtest.layout import STATISTICS, TRADE_FIELDS, ExitReason
from crypto_bt.backtest.portfolio import DailyEquity
from crypto_bt.core.schemas import UTC_MS

#: The row of the metrics table that describes the equal-share portfolio.
ALL_SYMBOLS: Final = "ALL"

#: Money in quote units. ``gross_pnl`` is at market prices, so net = gross - commission - slippage - funding
#: (funding positive: paid). ``net_return`` is net over the account's equity before the entry.
TRADES_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "side": pl.Int8(),
    "entry_time": UTC_MS,
    "exit_time": UTC_MS,
    "entry_price": pl.Float64(),
    "exit_price": pl.Float64(),
    "quantity": pl.Float64(),
    "gross_pnl": pl.Float64(),
    "commission": pl.Float64(),
    "slippage": pl.Float64(),
    "funding": pl.Float64(),
    "net_pnl": pl.Float64(),
    "net_return": pl.Float64(),
    "exit_reason": pl.String(),
}

#: ``equity`` as a fraction of the initial capital (the first row, before the first day, is 1.0).
EQUITY_SCHEMA: Final[dict[str, pl.DataType]] = {
    "time": UTC_MS,
    "equity": pl.Float64(),
    "drawdown": pl.Float64(),
}

#: Whole numbers of the kernel that the metrics table shows as they are.
COUNTS: Final = ("liquidations", "refused", "decided_finer", "decided_by_stop")

METRICS_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "trades": pl.Int64(),
    "net_return": pl.Float64(),
    "annual_return": pl.Float64(),
    "volatility": pl.Float64(),
    "sharpe": pl.Float64(),
    "sortino": pl.Float64(),
    "calmar": pl.Float64(),
    "max_drawdown": pl.Float64(),
    "win_rate": pl.Float64(),
    "profit_factor": pl.Float64(),
    "exposure": pl.Float64(),
    "commission": pl.Float64(),
    "slippage": pl.Float64(),
    "funding": pl.Float64(),
    "liquidations": pl.Int64(),
    "refused": pl.Int64(),
    "decided_finer": pl.Int64(),
    "decided_by_stop": pl.Int64(),
    "first": UTC_MS,
    "last": UTC_MS,
}


def trades_table(bars: Bars, recording: Recording) -> pl.DataFrame:
    """Every trade, sorted by symbol and time, in :data:`TRADES_SCHEMA`.

    A fill at a bar's open carries its open time; one inside the bar, or at its close, the bar's end.
    """
    field = {name: recording.trades[:, index] for index, name in enumerate(TRADE_FIELDS)}
    exit_bar = field["exit_bar"].astype(np.int64)
    side, quantity = field["side"], field["quantity"]
    net = field["moved"] - field["commission"] - field["funding"]
    labels = {int(reason): reason.label for reason in ExitReason}
    symbols = np.array(bars.symbols, dtype=object)[recording.trade_symbol]
    return pl.DataFrame(
        {
            "symbol": symbols.tolist(),
            "side": side.astype(np.int8),
            "entry_time": bars.open_time[field["entry_bar"].astype(np.int64)],
            "exit_time": bars.open_time[exit_bar]
            + (field["inside_bar"] * bars.timeframe.milliseconds).astype(np.int64),
            "entry_price": field["entry_price"],
            "exit_price": field["exit_price"],
            "quantity": quantity,
            "gross_pnl": field["moved"] + field["slippage"],
            "commission": field["commission"],
            "slippage": field["slippage"],
            "funding": field["funding"],
            "net_pnl": net,
            "net_return": net / field["equity_before"],
            "exit_reason": [labels[int(code)] for code in field["reason"]],
        },
        schema_overrides={"symbol": pl.String, "exit_reason": pl.String},
    ).cast(TRADES_SCHEMA)  # type: ignore[arg-type]


def bar_equity_table(bars: Bars, equity: NDArray[np.float64]) -> pl.DataFrame:
    """Equity of every bar at its close: symbol, open_time, equity (quote)."""
    counts = np.diff(bars.offsets).tolist()
    symbols = [pl.repeat(symbol, count, eager=True) for symbol, count in zip(bars.symbols, counts, strict=True)]
    return pl.DataFrame(
        {"symbol": pl.concat(symbols), "open_time": pl.Series(bars.open_time).cast(UTC_MS), "equity": equity}
    )


def equity_table(daily: DailyEquity) -> pl.DataFrame:
    """Daily equity and drawdown of the portfolio in :data:`EQUITY_SCHEMA`."""
    equity = daily.portfolio / daily.portfolio[0]
    return pl.DataFrame(
        {"time": daily.end_ms, "equity": equity, "drawdown": metrics.drawdowns(equity)}
    ).cast(EQUITY_SCHEMA)  # type: ignore[arg-type]  # fmt: skip


def metrics_table(bars: Bars, recording: Recording, daily: DailyEquity) -> pl.DataFrame:
    """The portfolio (:data:`ALL_SYMBOLS`) first, then one row per symbol, in :data:`METRICS_SCHEMA`."""
    total = np.zeros(len(STATISTICS))
    rows: list[dict[str, object]] = []
    for index, symbol in enumerate(bars.symbols):
        statistics = recording.statistics[index]
        total += statistics
        rows.append(
            _metrics_row(symbol, daily.account(index), statistics, bars.open_time[bars.span(index)], bars)
        )
    every = _metrics_row(ALL_SYMBOLS, daily.portfolio, total, np.sort(bars.open_time), bars)
    return pl.DataFrame([every, *rows], schema=METRICS_SCHEMA)


def _metrics_row(
    symbol: str,
    equity: NDArray[np.float64],
    statistics: NDArray[np.float64],
    open_time: NDArray[np.int64],
    bars: Bars,
) -> dict[str, object]:
    figure: Mapping[str, float] = {
        name: float(value) for name, value in zip(STATISTICS, statistics, strict=True)
    }
    return {
        "symbol": symbol,
        "trades": int(figure["trades"]),
        "net_return": metrics.net_return(equity),
        "annual_return": metrics.annual_return(equity),
        "volatility": metrics.volatility(equity),
        "sharpe": metrics.sharpe(equity),
        "sortino": metrics.sortino(equity),
        "calmar": metrics.calmar(equity),
        "max_drawdown": metrics.max_drawdown(equity),
        "win_rate": metrics.win_rate(figure["wins"], figure["closed_trades"]),
        "profit_factor": metrics.profit_factor(figure["profit"], figure["loss"]),
        "exposure": metrics.exposure(figure["bars_held"], float(len(open_time))),
        "commission": figure["commission"],
        "slippage": figure["slippage"],
        "funding": figure["funding"],
        **{name: int(figure[name]) for name in COUNTS},
        "first": int(open_time[0]),
        "last": int(open_time[-1]) + bars.timeframe.milliseconds,
    }
