"""One symbol from rows of bars and targets, for cases that are computed by hand."""

from collections.abc import Mapping, Sequence

import polars as pl

from crypto_bt.backtest import Costs, Result, Rules, simulate
from crypto_bt.backtest.contracts import Contract
from crypto_bt.backtest.rules import Distance, Exits
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import MARK_SCHEMA, UTC_MS
from crypto_bt_tests.backtest.markets import START, Ohlc, candles

FREE = Costs(0.0, 0.0, 0.0)
FLAT: Ohlc = (100.0, 100.0, 100.0, 100.0)
BTC = "BTCUSDT"
#: What a strategy gave with its targets, by column, one value for each bar.
Given = Mapping[str, Sequence[float | None]]


def exits(**given: Distance | float | None) -> Rules:
    """Rules without costs, with these exits."""
    return Rules(FREE, Exits(**given))  # type: ignore[arg-type]


def wishes(
    targets: Sequence[float | None], given: Given | None = None, timeframe: Timeframe = Timeframe.H4
) -> pl.DataFrame:
    """Targets, one for each bar from START on; None is a missing row."""
    columns = {"target": list(targets), **(given or {})}
    times = [START + timeframe.delta * index for index in range(len(targets))]
    return pl.DataFrame(
        {"symbol": BTC, "open_time": times, **columns},
        schema={"symbol": pl.String, "open_time": UTC_MS, **dict.fromkeys(columns, pl.Float64)},
    ).drop_nulls("target")


def marks(rows: Sequence[Ohlc | None], symbol: str = BTC) -> pl.DataFrame:
    """Hourly mark candles from START on; None is a missing one."""
    return candles({symbol: rows}, Timeframe.H1).select(*MARK_SCHEMA)


def run(
    bars: Sequence[Ohlc | None],
    targets: Sequence[float | None],
    rules: Rules | None = None,
    *,
    rates: pl.DataFrame | None = None,
    mark: Sequence[Ohlc | None] | None = None,
    finer: Sequence[Ohlc | None] | None = None,
    contract: Contract | None = None,
    given: Given | None = None,
    volume: float = 1.0,
    timeframe: Timeframe = Timeframe.H4,
) -> Result:
    """An account of 1,000; ``finer`` and ``mark`` are hourly candles from START on, targets always H4."""
    return simulate(
        candles({BTC: bars}, timeframe).with_columns(volume=pl.lit(volume)),
        wishes(targets, given),
        timeframe=timeframe,
        target_timeframe=Timeframe.H4,
        rules=rules or Rules(FREE),
        funding_rates=rates,
        mark_prices=None if mark is None else marks(mark),
        finer=None if finer is None else candles({BTC: finer}, Timeframe.H1),
        contracts={BTC: contract or Contract()},
        initial_capital=1_000.0,
    )


def fills(result: Result) -> list[tuple[float, float, str]]:
    """Entry price, exit price and reason of every trade."""
    return [
        (round(row["entry_price"], 9), round(row["exit_price"], 9), row["exit_reason"])
        for row in result.trades.iter_rows(named=True)
    ]


def counts(result: Result) -> tuple[int, int, int]:
    """Entries refused, bars decided on finer bars, bars decided for the stop."""
    row = result.metrics.row(0, named=True)
    return row["refused"], row["decided_finer"], row["decided_by_stop"]
