"""The result tables of one backtest: trades, equity, metrics."""

from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest import metrics
from crypto_bt.backtest.bars import Bars
from crypto_bt.backtest.engine import Recording
from crypto_bt.backtest.layout import BARS_HELD, CLOSE, OPEN, STATISTICS, TRADE_FIELDS, ExitReason
from crypto_bt.backtest.market_factor import MARKET, alpha, beta, market_marks
from crypto_bt.backtest.portfolio import DailyEquity
from crypto_bt.backtest.trade_metrics import trade_figures
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
COUNTS: Final = ("refused", "decided_finer", "decided_by_stop")

#: Fractions, days and hours as the docstrings of the figures say; money in quote units. ``alpha`` and
#: ``beta`` are against BTCUSDT, ``first`` and ``last`` bound the bars.
METRICS_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "trades": pl.Int64(),
    "closed_trades": pl.Int64(),
    "net_return": pl.Float64(),
    "annual_return": pl.Float64(),
    "volatility": pl.Float64(),
    "sharpe": pl.Float64(),
    "sortino": pl.Float64(),
    "calmar": pl.Float64(),
    "omega": pl.Float64(),
    "max_drawdown": pl.Float64(),
    "max_drawdown_days": pl.Int64(),
    "longest_drawdown_days": pl.Int64(),
    "value_at_risk_95": pl.Float64(),
    "conditional_value_at_risk_95": pl.Float64(),
    "win_rate": pl.Float64(),
    "profit_factor": pl.Float64(),
    "expectancy": pl.Float64(),
    "payoff": pl.Float64(),
    "sqn": pl.Float64(),
    "losing_streak": pl.Int64(),
    "exposure": pl.Float64(),
    "turnover": pl.Float64(),
    "average_holding_hours": pl.Float64(),
    "alpha": pl.Float64(),
    "beta": pl.Float64(),
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
    symbols = [pl.repeat(name, count, eager=True) for name, count in zip(bars.symbols, counts, strict=True)]
    return pl.DataFrame(
        {"symbol": pl.concat(symbols), "open_time": pl.Series(bars.open_time).cast(UTC_MS), "equity": equity}
    )


def equity_table(daily: DailyEquity) -> pl.DataFrame:
    """Daily equity and drawdown of the portfolio in :data:`EQUITY_SCHEMA`."""
    equity = daily.portfolio / daily.portfolio[0]
    return pl.DataFrame(
        {"time": daily.end_ms, "equity": equity, "drawdown": metrics.drawdowns(equity)}
    ).cast(EQUITY_SCHEMA)  # type: ignore[arg-type]  # fmt: skip


def metrics_table(bars: Bars, recording: Recording, daily: DailyEquity, trades: pl.DataFrame) -> pl.DataFrame:
    """The portfolio (:data:`ALL_SYMBOLS`) first, then one row per symbol, in :data:`METRICS_SCHEMA`."""
    market = market_marks(_market_candles(bars), daily.end_ms)
    own = trades.partition_by("symbol", as_dict=True)
    rows: list[dict[str, object]] = []
    total = np.zeros(len(STATISTICS))
    for index, symbol in enumerate(bars.symbols):
        statistics = recording.statistics[index]
        total += statistics
        times = bars.open_time[bars.span(index)]
        first, last = daily.spans[index]
        rows.append(
            metrics_row(
                symbol,
                daily.account(index),
                own.get((symbol,), trades.clear()),
                market=market[first : last + 1],
                held=_share(statistics[BARS_HELD], len(times)),
                span=(int(times[0]), int(times[-1]) + bars.timeframe.milliseconds),
            )
            | _counts(statistics)
        )
    every = portfolio_row(bars, total, daily, trades)
    return pl.DataFrame([every, *rows], schema=METRICS_SCHEMA)


def portfolio_row(
    bars: Bars, statistics: NDArray[np.float64], daily: DailyEquity, trades: pl.DataFrame
) -> dict[str, object]:
    """The row :data:`ALL_SYMBOLS` of the metrics; ``statistics`` begins with those of an account."""
    times = bars.open_time
    row = metrics_row(
        ALL_SYMBOLS,
        daily.portfolio,
        trades,
        market=market_marks(_market_candles(bars), daily.end_ms),
        held=_share(statistics[BARS_HELD], len(times)),
        span=(int(times.min()), int(times.max()) + bars.timeframe.milliseconds),
    )
    return row | _counts(statistics)


def metrics_row(
    symbol: str,
    equity: NDArray[np.float64],
    trades: pl.DataFrame,
    *,
    market: NDArray[np.float64],
    held: float | None,
    span: tuple[int, int],
) -> dict[str, object]:
    """One row of :data:`METRICS_SCHEMA`, but for :data:`COUNTS`.

    ``equity`` and ``market`` are daily marks (days + 1), ``held`` the share of bars with a position, ``span``
    the milliseconds since 1970 that the bars cover.
    """
    of_trades = trade_figures(trades)
    notional = of_trades.pop("traded_notional") or 0.0
    return {
        "symbol": symbol,
        **metrics.return_figures(equity),
        **of_trades,
        "exposure": held,
        "turnover": metrics.turnover(notional, equity),
        "alpha": alpha(equity, market),
        "beta": beta(equity, market),
        "first": span[0],
        "last": span[1],
    }


def _counts(statistics: NDArray[np.float64]) -> dict[str, object]:
    return {name: int(statistics[STATISTICS.index(name)]) for name in COUNTS}


def _share(part: float, whole: int) -> float | None:
    return metrics.exposure(float(part), float(whole))


def _market_candles(bars: Bars) -> pl.DataFrame:
    """Candles of the symbol that stands for the market; none where it is not among the bars."""
    index = bars.symbols.index(MARKET) if MARKET in bars.symbols else None
    span = slice(0, 0) if index is None else bars.span(index)
    return pl.DataFrame(
        {
            "symbol": pl.repeat(MARKET, len(bars.open_time[span]), dtype=pl.String, eager=True),
            "open_time": pl.Series(bars.open_time[span], dtype=pl.Int64).cast(UTC_MS),
            "open": bars.lines[span, OPEN],
            "close": bars.lines[span, CLOSE],
        }
    )
