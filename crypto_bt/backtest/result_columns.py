"""What each column of a night's tables means: unit, rule, when it is null."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from crypto_bt.backtest.layout import ExitReason
from crypto_bt.backtest.nightly.outcome import MARKET_SCHEMA, NIGHT_METRICS, SETS_SCHEMA, WINDOWS_SCHEMA
from crypto_bt.backtest.nightly.recording import RECORDED_TRADES
from crypto_bt.backtest.results import SCHEMA_VERSION
from crypto_bt.backtest.tables import EQUITY_SCHEMA
from crypto_bt.core.columns import (
    BASE,
    COUNT,
    FILLED,
    FINITE,
    FRACTION,
    FREE,
    MIDNIGHT,
    MOMENT,
    NOT_NEGATIVE,
    NUMBER,
    POSITIVE,
    QUOTE,
    SHARE,
    TARGET,
    TIME,
    WORD,
    Column,
    Rule,
    Table,
    Together,
    between,
    one_of,
)
from crypto_bt.core.schemas import UTC_MS

_DAYS: Final = "days"
_SHORT: Final = "below two days"
_FLAT: Final = "below two days, or where nothing varied"
_NO_TRADE: Final = "without a closed trade"
_NO_LOSS: Final = "without a lost trade"
_LOSS: Final = between(-1, 0)

#: Columns that mean the same in every table.
_SHARED: Final = {
    "strategy": Column("name of the strategy", WORD, FILLED),
    "symbol": Column("the exchange's id of the perpetual", WORD, FILLED),
    "open_time": Column("first moment of the strategy's bar", TIME, MOMENT),
    "target": Column("position wanted at the bar's close: short < 0, flat 0, long > 0", "weight", TARGET),
    "parameter_set": Column("number of the parameter set in the strategy's grid", NUMBER, COUNT),
    "equity": Column("equity over the initial capital; 1 at the start", FRACTION, FINITE),
    "drawdown": Column("equity over its highest so far, minus 1", FRACTION, Rule("<= 0", lambda c: c <= 0)),
    "net_return": Column("last equity over the first, minus 1", FRACTION, FINITE),
    "sharpe": Column("mean daily return over its deviation, x sqrt(365)", "a year", FINITE, _FLAT),
    "max_drawdown": Column("deepest daily drawdown", FRACTION, Rule("<= 0", lambda c: c <= 0)),
    "win_rate": Column("closed trades with a net result above 0, of all", FRACTION, SHARE, _NO_TRADE),
    "profit_factor": Column("net profits over net losses of closed trades", "ratio", NOT_NEGATIVE, _NO_LOSS),
    "trades": Column("trades, those still open included", NUMBER, COUNT),
    "liquidations": Column("positions that the exchange closed", NUMBER, COUNT),
    "commission": Column("commission paid", QUOTE, NOT_NEGATIVE),
    "slippage": Column("what worse fills than the market's price cost", QUOTE, NOT_NEGATIVE),
    "funding": Column("funding paid; negative: received", QUOTE, FINITE),
}
_TRADES: Final = _SHARED | {
    "side": Column("1 long, -1 short", NUMBER, one_of(-1, 1)),
    "entry_time": Column("when the entry was filled", TIME, MOMENT),
    "exit_time": Column("when the exit was filled; of an open trade the last close", TIME, MOMENT),
    "entry_price": Column("price of the entry's fill", QUOTE, POSITIVE),
    "exit_price": Column("price of the exit's fill; of an open trade the last close", QUOTE, NOT_NEGATIVE),
    "quantity": Column("quantity of the position", BASE, POSITIVE),
    "gross_pnl": Column("result at market prices, before all costs", QUOTE, FINITE),
    "net_pnl": Column("result after all costs", QUOTE, FINITE),
    "net_return": Column("net result over the account's equity before the entry", FRACTION, FINITE),
    "exit_reason": Column("why it was left", WORD, one_of(*(reason.label for reason in ExitReason))),
}
_METRICS: Final = _SHARED | {
    "symbol": Column("the perpetual; `ALL`: the portfolio of all", WORD, FILLED),
    "closed_trades": Column("trades that ended", NUMBER, COUNT),
    "annual_return": Column("net return compounded to 365 days", FRACTION, FINITE, "where not defined"),
    "volatility": Column("deviation of daily returns, x sqrt(365)", "fraction a year", NOT_NEGATIVE, _SHORT),
    "sortino": Column("mean daily return over the downside deviation, x sqrt(365)", "a year", FINITE, _FLAT),
    "calmar": Column("annual return over the deepest drawdown", "ratio", FINITE, "without a drawdown"),
    "omega": Column("daily gains over daily losses", "ratio", NOT_NEGATIVE, "without a losing day"),
    "max_drawdown_days": Column("from the deepest drawdown's peak until it was reached again", _DAYS, COUNT),
    "longest_drawdown_days": Column("longest time from a peak until it was reached again", _DAYS, COUNT),
    "value_at_risk_95": Column("5 % quantile of daily returns", FRACTION, FINITE, "without a day"),
    "conditional_value_at_risk_95": Column(
        "mean of the daily returns at or below it", FRACTION, FINITE, "without a day"
    ),
    "expectancy": Column("mean net result of a closed trade", QUOTE, FINITE, _NO_TRADE),
    "payoff": Column("mean won over mean lost amount", "ratio", NOT_NEGATIVE, "unless both were there"),
    "sqn": Column("system quality number of the trades' net returns", NUMBER, FINITE, "below two trades"),
    "losing_streak": Column("most lost trades in a row", NUMBER, COUNT),
    "exposure": Column("share of the time in which a position was held", FRACTION, SHARE, "without a bar"),
    "turnover": Column(
        "notional of all fills over the mean equity, a year", "times a year", NOT_NEGATIVE, "without a day"
    ),
    "average_holding_hours": Column("mean time from entry to exit", "hours", NOT_NEGATIVE, _NO_TRADE),
    "alpha": Column("return a year that BTCUSDT does not explain", FRACTION, FINITE, "where BTCUSDT is not"),
    "beta": Column("slope of daily returns on those of BTCUSDT", "ratio", FINITE, "where BTCUSDT is not"),
    "first": Column("first moment of what is counted", TIME, MOMENT),
    "last": Column("last moment of what is counted", TIME, MOMENT),
}
_SETS: Final = _SHARED | {
    "signals": Column("the parameters that make the targets", WORD, FREE),
    "exits": Column("the ways to leave a position", WORD, FREE),
    "refused": Column("entries that the exchange's order rules refuse", NUMBER, COUNT),
    "decided_finer": Column("bars whose order of prices finer candles decided", NUMBER, COUNT),
    "decided_by_stop": Column("bars in which the worse case, the stop, was taken", NUMBER, COUNT),
}
_WINDOWS: Final = _SHARED | {
    "train_start": Column("first day on which was chosen", TIME, MIDNIGHT),
    "train_end": Column("end of the days on which was chosen", TIME, MIDNIGHT),
    "test_start": Column("first day on which the choice was tested", TIME, MIDNIGHT),
    "test_end": Column("end of the days of the test", TIME, MIDNIGHT),
    "in_charge_end": Column("end of the days that count by this choice", TIME, MIDNIGHT),
    "in_sample_sharpe": Column("Sharpe ratio of the choice on the days chosen on", "a year", FINITE, _FLAT),
    "out_of_sample_sharpe": Column("Sharpe ratio of the choice in the test", "a year", FINITE, _FLAT),
}
_SIGNALS: Final = _SHARED | {
    "close_time": Column("end of the bar; the target counts from here", TIME, MOMENT),
    "valid_until": Column("close of the next bar; the target counts up to here", TIME, MOMENT),
}
_EQUITY: Final = _SHARED | {"time": Column("midnight of the mark", TIME, MIDNIGHT)}
_MARKET: Final = _SHARED | {
    "time": Column("midnight of the mark", TIME, MIDNIGHT),
    "mark": Column("price of BTCUSDT", QUOTE, POSITIVE, "before it was listed"),
}
_PUBLISHED: Final = _SIGNALS | {
    "night": Column("the night that computed them", "date", Rule("a date", lambda c: c.is_not_null())),
    "snapshot": Column("id of the snapshot they were computed from", WORD, FILLED),
    "snapshot_digest": Column("digest of that snapshot", "sha256", FILLED),
    "schema_version": Column("version of this file", NUMBER, one_of(SCHEMA_VERSION)),
}
_SIGNAL_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "open_time": UTC_MS,
    "target": pl.Float64(),
    "close_time": UTC_MS,
    "valid_until": UTC_MS,
}
_TARGET_SCHEMA: Final = {name: _SIGNAL_SCHEMA[name] for name in ("symbol", "open_time", "target")}
_PUBLISHED_SCHEMA: Final[dict[str, pl.DataType]] = {
    "night": pl.Date(),
    "snapshot": pl.String(),
    "snapshot_digest": pl.String(),
    "schema_version": pl.Int32(),
}
_NET: Final = Together(
    "net_pnl = gross_pnl - commission - slippage - funding",
    (
        pl.col("net_pnl")
        - (pl.col("gross_pnl") - pl.col("commission") - pl.col("slippage") - pl.col("funding"))
    ).abs()
    <= 1e-9 * (1 + pl.col("gross_pnl").abs() + pl.col("commission")),
)


def _table(
    name: str,
    row: str,
    schema: Mapping[str, pl.DataType],
    key: tuple[str, ...],
    known: Mapping[str, Column],
    *rules: Together,
    of_strategies: bool = True,
) -> Table:
    named = {"strategy": pl.String(), **schema} if of_strategies else dict(schema)
    full = ("strategy", *key) if of_strategies else key
    return Table(name, row, named, full, {column: known[column] for column in named}, rules, sorted=False)


#: Every table of a night, and the file of signals for other programs.
RESULT_TABLES: Final[dict[str, Table]] = {
    table.name: table
    for table in (
        _table("equity", "A strategy's portfolio at a midnight.", EQUITY_SCHEMA, ("time",), _EQUITY),
        _table(
            "metrics",
            "A strategy's figures on one symbol, or on all.",
            NIGHT_METRICS,
            ("symbol",),
            _METRICS,
            Together("closed_trades <= trades", pl.col("closed_trades") <= pl.col("trades")),
            Together("first < last", pl.col("first") < pl.col("last")),
        ),
        _table(
            "trades",
            "One round trip, or a position still open (exit_reason `open`).",
            RECORDED_TRADES,
            ("symbol", "entry_time", "exit_time", "quantity"),
            _TRADES,
            Together("entry_time <= exit_time", pl.col("entry_time") <= pl.col("exit_time")),
            _NET,
        ),
        _table(
            "parameter_sets",
            "One parameter set over the whole history, so in sample.",
            SETS_SCHEMA,
            ("parameter_set",),
            _SETS,
        ),
        _table(
            "windows",
            "One window of the walk-forward.",
            WINDOWS_SCHEMA,
            ("test_start",),
            _WINDOWS,
            Together(
                "train_start < train_end <= test_start < test_end",
                (pl.col("train_start") < pl.col("train_end"))
                & (pl.col("train_end") <= pl.col("test_start"))
                & (pl.col("test_start") < pl.col("test_end")),
            ),
        ),
        _table(
            "signals", "The newest target of a strategy for a symbol.", _SIGNAL_SCHEMA, ("symbol",), _SIGNALS
        ),
        _table(
            "targets",
            "A target of the last 30 days, by the set in charge.",
            _TARGET_SCHEMA,
            ("symbol", "open_time"),
            _SHARED,
        ),
        _table(
            "market",
            "The market's price at a midnight; alpha and beta are against it.",
            MARKET_SCHEMA,
            ("time",),
            _MARKET,
            of_strategies=False,
        ),
        _table(
            "signals_validated",
            "As `signals`, with what they came from: `results/signals_validated.parquet` of the home.",
            _SIGNAL_SCHEMA | _PUBLISHED_SCHEMA,
            ("symbol",),
            _PUBLISHED,
        ),
    )
}
