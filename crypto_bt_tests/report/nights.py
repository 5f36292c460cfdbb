"""Small results of a night, made by hand, for the tests of the reports."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from crypto_bt.backtest.gates import OutOfSample, judge
from crypto_bt.backtest.losing_runs import WindowLosses
from crypto_bt.backtest.nightly.outcome import SETS_SCHEMA, WINDOWS_SCHEMA, verdict_entry

UTC_MS = pl.Datetime("ms", "UTC")
START = datetime(2026, 1, 1, tzinfo=UTC)
FIGURES = (
    "annual_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "win_rate", "profit_factor",
    "exposure", "commission", "slippage", "funding",
)  # fmt: skip
LUCK = (
    "probabilistic_sharpe", "minimum_track_record_days", "sharpe_low", "sharpe_high", "drawdown_low",
    "drawdown_high", "degradation", "stability", "deflated_sharpe", "effective_trials", "pbo",
    "reality_check_p", "spa_p",
)  # fmt: skip


def metrics(returns: Mapping[str, Mapping[str, float | None]], **figures: float | None) -> pl.DataFrame:
    """Metrics with these net returns by strategy and symbol; every other figure is 0.5 unless given."""
    rows = [
        {
            "strategy": strategy,
            "symbol": symbol,
            "trades": 3,
            "net_return": value,
            **{name: figures.get(name, 0.5) for name in FIGURES},
            "liquidations": 0,
            "first": START,
            "last": START + timedelta(days=9),
        }
        for strategy, by_symbol in returns.items()
        for symbol, value in by_symbol.items()
    ]
    floats = dict.fromkeys(("net_return", *FIGURES), pl.Float64())
    return pl.DataFrame(rows, schema_overrides={**floats, "first": UTC_MS, "last": UTC_MS})


def equity(*strategies: str, days: int = 10) -> pl.DataFrame:
    """A rising curve with one dip, for each strategy."""
    times = [START + timedelta(days=day) for day in range(days)]
    frames = []
    for number, strategy in enumerate(strategies):
        curve = [1 + 0.01 * (number + 1) * day for day in range(days)]
        curve[days // 2] = 0.9
        peak = [max(curve[: day + 1]) for day in range(days)]
        drawdown = [value / best - 1 for value, best in zip(curve, peak, strict=True)]
        frames.append(
            pl.DataFrame(
                {"strategy": [strategy] * days, "time": times, "equity": curve, "drawdown": drawdown},
                schema_overrides={"time": UTC_MS},
            )
        )
    return pl.concat(frames)


def trades(strategy: str, symbol: str, reason: str = "signal") -> pl.DataFrame:
    """One trade."""
    amounts = ("quantity", "gross_pnl", "commission", "slippage", "funding", "net_pnl")
    figures = dict.fromkeys(("entry_price", "exit_price", *amounts), 1.5)
    times = {"entry_time": START, "exit_time": START + timedelta(hours=4)}
    row = {"strategy": strategy, "symbol": symbol, "side": 1, **times, **figures}
    return pl.DataFrame(
        [{**row, "net_return": 0.02, "exit_reason": reason}],
        schema_overrides={"side": pl.Int8(), "entry_time": UTC_MS, "exit_time": UTC_MS},
    )


def signals(strategy: str, **targets: float) -> pl.DataFrame:
    """One current signal a symbol."""
    times = {"open_time": START, "close_time": START, "valid_until": START}
    rows = [{"strategy": strategy, "symbol": name, "target": share} for name, share in targets.items()]
    return pl.DataFrame([row | times for row in rows], schema_overrides={"target": pl.Float64()})


def windows(strategy: str, chosen: int | None = 1, sharpe: float | None = 0.25) -> pl.DataFrame:
    """Two windows of a walk-forward, the newer one with the set ``chosen``."""
    rows = []
    for number, each in enumerate((0, chosen)):
        first = START + timedelta(days=15 * number)
        bounds = [first + timedelta(days=days) for days in (0, 90, 91, 121, 106)]
        rows.append((strategy, *bounds, each, 3.5, sharpe))
    return pl.DataFrame(rows, schema={"strategy": pl.String(), **WINDOWS_SCHEMA}, orient="row")


def parameter_sets(strategy: str, exits: str = "stop_loss 0.08") -> pl.DataFrame:
    """Two parameter sets, the second with these ``exits``."""
    rows = [
        (strategy, number, "fast 12", how, 0.1 + number, 1.0 + number, -0.2, 10, 0.5, 1.25, 0, 0, 0, 0)
        for number, how in enumerate(("the signal alone", exits))
    ]
    return pl.DataFrame(rows, schema={"strategy": pl.String(), **SETS_SCHEMA}, orient="row")


def entry(
    name: str,
    sharpe: float | None = 1.0,
    *,
    losses: tuple[int, int, int] = (20, 6, 3),
    drawdown: float | None = -0.1,
    **changes: Any,
) -> dict[str, Any]:
    """A strategy in the stamp, promoted unless its Sharpe ratio (0 and below: retired) or ``drawdown`` is
    worse. ``losses`` are (trades, lost, in a row) of the one test window."""
    figures = OutOfSample(
        sharpe=sharpe,
        max_drawdown=drawdown,
        win_rate=None if sharpe is None else 0.7,
        profit_factor=None if sharpe is None else 2.0,
        losses=() if sharpe is None else (WindowLosses(*losses),),
        days=90,
    )
    luck: dict[str, float | None] = {**dict.fromkeys(LUCK, 0.25), "sharpe_low": -0.5, "sharpe_high": 2.5}
    plain: dict[str, Any] = {
        "name": name,
        "parameters": {"fast": 12},
        "timeframe": "4h",
        "error": None,
        "parameter_sets": 2,
        "in_charge": {"fast": 12, "exits": "stop_loss 0.08"},
        "out_of_sample": sharpe is not None,
        "verdict": verdict_entry(judge(figures)),
        "overfitting": {**(luck if sharpe is not None else dict.fromkeys(LUCK)), "trials": 1_000},
        "lookahead": None,
        "survivorship": None,
        "reconciled": {"trades": 40.0, "carried": 0.0, "account": 40.0},
    }
    return plain | changes


def benchmark(name: str = "hold") -> dict[str, Any]:
    """The benchmark in the stamp: it has neither verdict nor statistics against luck."""
    plain = entry(name, None, in_charge={"exits": "the signal alone"}, parameter_sets=1, parameters={})
    return {key: value for key, value in plain.items() if key not in ("verdict", "overfitting")}


def stamp(*strategies: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A stamp as the night's process writes it; ``strategies`` beside the benchmark, or trend alone."""
    plain: dict[str, Any] = {
        "schema_version": 2,
        "night": "2026-01-10",
        "cutoff": "2026-01-10T23:30:00Z",
        "history_start": None,
        "snapshot": {"id": "000007", "digest": "d" * 64, "source": "simulated:seed=7"},
        "code_version": "c" * 64,
        "libraries": {"polars": "2.1.0"},
        "strategies": [*(strategies or (entry("trend"),)), benchmark()],
        "benchmark": "hold",
        "costs": {
            "taker_bps": 5.0, "maker_bps": 2.0, "slippage_bps": 2.0, "range_share": 0.0, "impact": 0.0,
        },
        "walk_forward": {"train": 90, "test": 30, "step": 15, "anchored": False, "purge": 1, "embargo": 0},
        "execution": "1h",
        "trials": 1_000,
        "seed": 7,
        "initial_capital": 10_000.0,
        "symbols": ["A1", "B2"],
        "left_out": {},
        "mark_price_source": {"exchange": 12, "mark_1h": 0, "candle_open": 3},
        "order_rules_unknown": {},
        "symbols_without_funding": [],
    }  # fmt: skip
    return {**plain, **changes}


def old_stamp(**changes: Any) -> dict[str, Any]:
    """A stamp of schema version 1: one parameter set a strategy, one commission, no verdicts."""
    strategies = [
        {"name": name, "parameters": {"fast": 12}, "timeframe": "4h", "error": None}
        for name in ("trend", "hold")
    ]
    plain = stamp(schema_version=1, costs={"commission_bps": 5.0, "slippage_bps": 2.0}, strategies=strategies)
    later = (
        "walk_forward",
        "execution",
        "trials",
        "seed",
        "libraries",
        "order_rules_unknown",
        "history_start",
    )
    return {name: value for name, value in plain.items() if name not in later} | changes
