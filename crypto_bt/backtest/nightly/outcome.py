"""What a night found of one strategy: its verdict, and its rows of the night's tables."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from crypto_bt.backtest import metrics
from crypto_bt.backtest.candle_rows import DAY_MS
from crypto_bt.backtest.gates import GateVerdict, OutOfSample, judge, not_to_be_trusted
from crypto_bt.backtest.layout import STATISTICS
from crypto_bt.backtest.losing_runs import window_losses
from crypto_bt.backtest.market_factor import MARKET
from crypto_bt.backtest.nightly.judging import Chosen, window_spans
from crypto_bt.backtest.nightly.parameter_sets import ParameterSet
from crypto_bt.backtest.nightly.recording import Recorded, accounts_of, stitched_equity
from crypto_bt.backtest.nightly.sweeping import Swept
from crypto_bt.backtest.spec import NightSpec
from crypto_bt.backtest.tables import ALL_SYMBOLS, COUNTS, EQUITY_SCHEMA, METRICS_SCHEMA, metrics_row
from crypto_bt.backtest.trade_metrics import held_hours, marked_figures, traded_notional
from crypto_bt.core.schemas import UTC_MS

#: The night's metrics: those of a simulation, but for what the kernel alone counts.
NIGHT_METRICS: Final = {name: kind for name, kind in METRICS_SCHEMA.items() if name not in COUNTS}

#: One row a parameter set over the whole history, so in sample: ``signals`` and ``exits`` say what it is.
SETS_SCHEMA: Final[dict[str, pl.DataType]] = {
    "parameter_set": pl.Int32(),
    "signals": pl.String(),
    "exits": pl.String(),
    "net_return": pl.Float64(),
    "sharpe": pl.Float64(),
    "max_drawdown": pl.Float64(),
    "trades": pl.Int64(),
    "win_rate": pl.Float64(),
    "profit_factor": pl.Float64(),
    "liquidations": pl.Int64(),
    "refused": pl.Int64(),
    "decided_finer": pl.Int64(),
    "decided_by_stop": pl.Int64(),
}
#: One row a window of the walk-forward; the set in charge from ``test_start`` to ``in_charge_end``.
WINDOWS_SCHEMA: Final[dict[str, pl.DataType]] = {
    "train_start": UTC_MS,
    "train_end": UTC_MS,
    "test_start": UTC_MS,
    "test_end": UTC_MS,
    "in_charge_end": UTC_MS,
    "parameter_set": pl.Int32(),
    "in_sample_sharpe": pl.Float64(),
    "out_of_sample_sharpe": pl.Float64(),
}


#: The market's marks in quote at each UTC midnight, null before it was listed; alpha and beta are against it.
MARKET_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "time": UTC_MS,
    "mark": pl.Float64(),
}


@dataclass(frozen=True)
class Days:
    """What the days and the equity mean in a night: the first day since 1970, the market's daily marks
    (days + 1,) over all of them, and the quote that an equity of 1.0 stands for."""

    first: int
    market: NDArray[np.float64]
    capital: float

    def market_on(self, days: NDArray[np.int64]) -> NDArray[np.float64]:
        """The marks at the start of the first of ``days`` and at the end of each."""
        return self.market[int(days[0]) - self.first : int(days[-1]) - self.first + 2]


def market_rows(days: Days) -> pl.DataFrame:
    """In :data:`MARKET_SCHEMA`, over all days of the night."""
    midnights = (days.first + np.arange(len(days.market))) * DAY_MS
    marks = pl.DataFrame({"time": midnights, "mark": days.market}).with_columns(pl.col("mark").fill_nan(None))
    return marks.select(symbol=pl.lit(MARKET), time="time", mark="mark").cast(MARKET_SCHEMA)  # type: ignore[arg-type]


def equity_rows(chosen: Chosen) -> pl.DataFrame:
    """Daily equity (1.0 at the start) and drawdown in :data:`EQUITY_SCHEMA`."""
    equity = stitched_equity(chosen.returns)
    days = chosen.in_charge.days
    midnights = np.append(days[:1], days + 1) * DAY_MS
    return pl.DataFrame(
        {"time": midnights, "equity": equity, "drawdown": metrics.drawdowns(equity)}
    ).cast(EQUITY_SCHEMA)  # type: ignore[arg-type]  # fmt: skip


def metrics_rows(chosen: Chosen, recorded: Recorded, days: Days) -> pl.DataFrame:
    """The portfolio first, then one row a symbol, in :data:`NIGHT_METRICS`, over the days shown.

    ``exposure`` is the share of their hours in which a position was held, by the trades' times.
    """
    own = chosen.in_charge.days
    span = (int(own[0]) * DAY_MS, (int(own[-1]) + 1) * DAY_MS)
    market = days.market_on(own)
    hours = len(own) * 24.0

    def row(symbol: str, equity: NDArray[np.float64], trades: pl.DataFrame, accounts: int) -> dict[str, Any]:
        share = metrics.exposure(held_hours(trades, *span), hours * accounts)
        found = metrics_row(symbol, equity, trades, market=market, held=share, span=span)
        capital = days.capital * accounts / len(recorded.symbols)
        return found | {"turnover": metrics.turnover(traded_notional(trades), equity * capital)}

    every = row(ALL_SYMBOLS, stitched_equity(chosen.returns), recorded.trades, len(recorded.symbols))
    rows = [row(symbol, equity, trades, 1) for symbol, equity, trades in accounts_of(recorded)]
    return pl.DataFrame([every, *rows], schema=NIGHT_METRICS)


def sets_rows(sets: Sequence[ParameterSet], swept: Swept) -> pl.DataFrame:
    """In :data:`SETS_SCHEMA`."""
    rows = []
    for each, equity, values in zip(sets, swept.daily, swept.statistics, strict=True):
        figure = dict(zip(STATISTICS, values.tolist(), strict=True))
        described = each.described
        rows.append(
            {
                "parameter_set": each.number,
                "signals": ", ".join(f"{k} {v}" for k, v in described.items() if k != "exits"),
                "exits": described["exits"],
                "net_return": metrics.net_return(equity),
                "sharpe": metrics.sharpe(equity),
                "max_drawdown": metrics.max_drawdown(equity),
                "trades": int(figure["trades"]),
                "win_rate": metrics.win_rate(figure["wins"], figure["closed_trades"]),
                "profit_factor": metrics.profit_factor(figure["profit"], figure["loss"]),
                "liquidations": int(figure["liquidations"]),
                **{name: int(figure[name]) for name in COUNTS},
            }
        )
    return pl.DataFrame(rows, schema=SETS_SCHEMA)


def windows_rows(chosen: Chosen, first_day: int) -> pl.DataFrame:
    """In :data:`WINDOWS_SCHEMA`; empty where the history is too short for one."""
    rows = []
    for result in chosen.walk.windows if chosen.walk else ():
        window = result.window
        bounds = (
            window.train[0].start, window.train[-1].stop, window.test.start, window.test.stop,
            window.in_charge.stop,
        )  # fmt: skip
        rows.append(
            (
                *((first_day + day) * DAY_MS for day in bounds),
                result.chosen,
                result.in_sample_sharpe,
                result.out_of_sample_sharpe,
            )
        )
    return pl.DataFrame(rows, schema=WINDOWS_SCHEMA, orient="row")


def verdict_of(
    chosen: Chosen,
    portfolio: Mapping[str, Any],
    trades: pl.DataFrame,
    spec: NightSpec,
    luck: Mapping[str, Any],
    leak: str | None = None,
) -> GateVerdict:
    """The gates, on out-of-sample figures alone; not computed where the history is too short for one, nor
    where a ``leak`` (a sentence) says that the figures were earned with data of later days. ``luck``: by the
    names of :func:`crypto_bt.backtest.nightly.judging.overfitting`."""
    days = len(chosen.in_charge.days)
    if chosen.walk is None:
        verdict = judge(OutOfSample(None, None, None, None, (), days), spec.gates)
    else:
        losses = window_losses(trades, window_spans(chosen.walk))
        marked = marked_figures(trades)
        figures = OutOfSample(
            portfolio["sharpe"], portfolio["max_drawdown"], marked["win_rate"], marked["profit_factor"],
            losses, days,
        )  # fmt: skip
        verdict = judge(figures, spec.gates, luck_in_words(luck, days))
    return not_to_be_trusted(verdict, leak) if leak else verdict


def luck_in_words(luck: Mapping[str, Any], days: int) -> str:
    """One sentence: probabilistic Sharpe ratio, minimum track record against ``days``, PBO; "" for none."""
    found = []
    if (chance := luck["probabilistic_sharpe"]) is not None:
        found.append(f"the true Sharpe ratio is above 0 with {100 * chance:.1f} %")
        needed = luck["minimum_track_record_days"]
        found.append(
            "no number of such days would show it with 95 %"
            if needed is None
            else f"to show it with 95 % takes {math.ceil(needed):,} such days, and there are {days:,}"
        )
    if luck["pbo"] is not None:
        found.append(f"the choice of parameters is overfit with {100 * luck['pbo']:.0f} % (PBO)")
    return f"Luck: {'; '.join(found)}." if found else ""


def reconciled(chosen: Chosen, trades: pl.DataFrame, capital: float) -> dict[str, float]:
    """In quote: the net result of the listed ``trades``, what the account shown made (net return x
    ``capital``), and the rest between them, which is of positions outside their set's days (rule 50)."""
    listed = float(trades["net_pnl"].sum())
    account = (float(stitched_equity(chosen.returns)[-1]) - 1.0) * capital
    return {"trades": listed, "carried": account - listed, "account": account}


def verdict_entry(verdict: GateVerdict) -> dict[str, Any]:
    """As the stamp keeps it: plain JSON values."""
    entry = asdict(verdict)
    entry["decision"] = verdict.decision.value
    entry["outcomes"] = list(entry["outcomes"])
    return entry
