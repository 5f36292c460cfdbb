"""Small results of a night, made by hand, for the tests of the reports."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

UTC_MS = pl.Datetime("ms", "UTC")
START = datetime(2026, 1, 1, tzinfo=UTC)
FIGURES = (
    "annual_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "win_rate", "profit_factor",
    "exposure", "commission", "slippage", "funding",
)  # fmt: skip


def metrics(returns: dict[str, dict[str, float | None]], **figures: float | None) -> pl.DataFrame:
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


def signals(strategy: str, symbol: str) -> pl.DataFrame:
    """One current signal."""
    times = {"open_time": START, "close_time": START, "valid_until": START}
    return pl.DataFrame([{"strategy": strategy, "symbol": symbol, "target": -1, **times}])


def stamp(**changes: Any) -> dict[str, Any]:
    """A stamp as the night's process writes it."""
    plain: dict[str, Any] = {
        "schema_version": 1,
        "night": "2026-01-10",
        "cutoff": "2026-01-10T23:30:00Z",
        "snapshot": {"id": "000007", "digest": "d" * 64, "source": "simulated:seed=7"},
        "code_version": "c" * 64,
        "strategies": [
            {"name": "trend", "parameters": {"fast": 12}, "timeframe": "4h", "error": None},
            {"name": "hold", "parameters": {}, "timeframe": "4h", "error": None},
        ],
        "benchmark": "hold",
        "costs": {"commission_bps": 5.0, "slippage_bps": 2.0},
        "initial_capital": 10_000.0,
        "symbols": ["A1", "B2"],
        "left_out": {},
        "mark_price_source": {"exchange": 12, "mark_1h": 0, "candle_open": 3},
        "symbols_without_funding": [],
    }
    return {**plain, **changes}
