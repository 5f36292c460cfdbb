"""A recorded market, the signals all tools follow, and our answer in the form of a peer's."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest import Costs, Distance, Exits, Result, Rules, Sizing, simulate
from crypto_bt.core.market import Timeframe
from crypto_bt_tests.agreement.peers import Arrays
from crypto_bt_tests.recorded import RECORDED

CAPITAL = 10_000.0
#: 640 days of H4 bars without a hole, the crash of 2025-10-10 among them.
FIRST = pl.datetime(2024, 3, 1, time_zone="UTC")
BARS = 3_840


@dataclass(frozen=True)
class Case:
    """What the tools are set to; fractions, 0 for none."""

    name: str
    commission: float = 0.0005
    slippage: float = 0.0
    stop_loss: float = 0.0
    take_profit: float = 0.0


@cache
def candles(symbols: int) -> pl.DataFrame:
    """H4 candles of the first ``symbols`` symbols that have every bar of the span."""
    spans = pl.scan_parquet(RECORDED / "candles_4h.parquet").filter(pl.col("open_time") >= FIRST)
    whole = spans.group_by("symbol").len().filter(pl.col("len") == BARS).select("symbol").sort("symbol")
    return spans.join(whole.head(symbols), on="symbol", how="semi").sort("symbol", "open_time").collect()


@cache
def targets(symbols: int, window: int) -> pl.DataFrame:
    """Long above the mean of ``window`` closes by 0.5 %, short below it by 0.5 %, else flat."""
    lead = pl.col("close") / pl.col("close").rolling_mean(window).over("symbol") - 1.0
    side = (lead > 0.005).cast(pl.Int8) - (lead < -0.005).cast(pl.Int8)
    return candles(symbols).select("symbol", "open_time", target=side.fill_null(0).cast(pl.Int8))


def rules(case: Case) -> Rules:
    """Our settings for ``case``: the whole account in every trade, with room for the entry's commission."""
    bps = case.commission * 1e4
    return Rules(
        Costs(taker_bps=bps, maker_bps=bps, slippage_bps=case.slippage * 1e4),
        Exits(stop_loss=Distance(case.stop_loss), take_profit=Distance(case.take_profit)),
        Sizing(exposure=1.0 / (1.0 + case.commission)),
    )


def simulated(case: Case, symbols: int, window: int) -> Result:
    """Our engine on the market, without funding."""
    return simulate(
        candles(symbols),
        targets(symbols, window),
        timeframe=Timeframe.H4,
        rules=rules(case),
        initial_capital=CAPITAL * symbols,
    )


def wide(frame: pl.DataFrame, column: str) -> NDArray[np.generic]:
    """One column of a long frame (sorted by symbol and time) as (bars, symbols)."""
    return np.ascontiguousarray(frame[column].to_numpy().reshape(-1, BARS).T)


def market(symbols: int, window: int) -> dict[str, object]:
    """What the peers need to simulate the same market: (bars, symbols) each."""
    bars = candles(symbols)
    return {
        **{name: wide(bars, name) for name in ("open", "high", "low", "close")},
        "target": wide(targets(symbols, window), "target"),
        "capital": CAPITAL,
    }


def settings(case: Case) -> dict[str, object]:
    """The settings of ``case`` by name."""
    names = ("commission", "slippage", "stop_loss", "take_profit")
    return {name: getattr(case, name) for name in names}


def own_answer(result: Result, symbols: int) -> Arrays:
    """Our closed trades by symbol and entry, and our equity (bars, symbols), each mark at a bar's close."""
    names = sorted(candles(symbols)["symbol"].unique())
    trades = result.trades.filter(pl.col("exit_reason") != "open").sort("symbol", "entry_time")
    columns = ("side", "quantity", "entry_price", "exit_price", "net_pnl")
    return {
        "symbol": np.searchsorted(np.array(names), trades["symbol"].to_numpy()),
        **{name: trades[name].to_numpy() for name in columns},
        "entry_time": trades["entry_time"].dt.epoch("ms").to_numpy(),
        "exit_time": trades["exit_time"].dt.epoch("ms").to_numpy(),
        "equity": wide(result.bar_equity, "equity"),
    }


def dated(answer: Arrays, case: Case, symbols: int) -> Arrays:
    """A peer's answer in our order, with the times of our rule 35 in place of its bars."""
    order = np.lexsort((answer["entry_bar"], answer["symbol"]))
    kept = {name: values for name, values in answer.items() if name == "equity" or name.startswith("figure_")}
    trades = {name: values[order] for name, values in answer.items() if name not in kept}
    start = int(candles(symbols)["open_time"].dt.epoch("ms").min())  # type: ignore[arg-type]
    entry_bar, exit_bar = (trades.pop(name).astype(np.int64) for name in ("entry_bar", "exit_bar"))
    opens = wide(candles(symbols), "open")[exit_bar, trades["symbol"].astype(np.int64)].astype(np.float64)
    side, fill = trades["side"].astype(np.float64), trades["exit_price"].astype(np.float64)
    at_open = np.isclose(fill, opens * (1.0 - side * case.slippage), rtol=1e-13, atol=0.0)
    at_open |= np.isclose(fill, opens, rtol=1e-13, atol=0.0)
    step = Timeframe.H4.milliseconds
    return {
        **trades,
        "entry_time": start + entry_bar * step,
        "exit_time": start + (exit_bar + ~at_open) * step,
        **kept,
    }


def assert_same(ours: Arrays, theirs: Arrays) -> None:
    """Every trade and every bar's equity are the same, to 1e-9.

    A net result is the difference of sums as large as the account: it is compared on that scale.
    """
    for name in ("symbol", "side", "entry_time", "exit_time"):
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    for name in ("quantity", "entry_price", "exit_price", "equity"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-9, err_msg=name)
    np.testing.assert_allclose(ours["net_pnl"], theirs["net_pnl"], rtol=0.0, atol=1e-9 * CAPITAL)
