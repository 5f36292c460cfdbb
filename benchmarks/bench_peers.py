"""The engine beside its peers: ``python benchmarks/bench_peers.py`` prints one JSON object a line.

The work: 60 symbols x 6,570 H4 bars (3 years) x 64 parameter sets = 8 signal sets (Donchian channels of 10 to
80 bars) x 8 account sets (commission, and in the case with stops a stop-loss and a take-profit), on a random
walk with fat tails. vectorbt's bare simulation gets 6 of the symbols, because the memory would not hold all
its arrays, and backtesting.py 1, because it is slow; the cost of both is the same for every column.

Each tool lives in a process of its own and all take turns, so that a busy moment of the machine hits them
alike. A rate is the median of the turns; ``ratio`` is the median of (their CPU seconds a bar-parameter /
ours, in the same turn). Beside the same simulation we also compute 19 statistics, margin and liquidation.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

SYMBOLS, BARS, SIGNALS, ACCOUNTS, TURNS = 60, 6_570, 8, 8, 7
HERE = Path(__file__).resolve().parent
PEERS_PYTHON = HERE.parent / ".peers" / "bin" / "python"


@dataclass(frozen=True)
class Tool:
    """One worker: how it is started, on how many symbols and for how many turns."""

    name: str
    command: tuple[str, ...]
    symbols: int = SYMBOLS
    turns: int = TURNS


TOOLS = (
    Tool("crypto_bt", (sys.executable, "worker_ours.py", "{work}")),
    Tool("vectorbt.simulate", (str(PEERS_PYTHON), "worker_vectorbt.py", "{work}", "6", "simulate"), 6),
    Tool("vectorbt.from_signals", (str(PEERS_PYTHON), "worker_vectorbt.py", "{work}", "60", "from_signals")),
    Tool("backtesting.py", (str(PEERS_PYTHON), "worker_backtesting.py", "{work}", "1"), 1, 3),
)


def prices() -> dict[str, NDArray[np.float64]]:
    """Open, high, low and close (bars, symbols); the same every time."""
    rng = np.random.default_rng(7)
    close = 100.0 * np.exp(np.cumsum(rng.standard_t(4, (BARS, SYMBOLS)) * 0.008, axis=0))
    open_ = np.vstack([np.full((1, SYMBOLS), 100.0), close[:-1]])
    high = np.maximum(open_, close) * (1.0 + np.abs(rng.normal(0.0, 0.004, close.shape)))
    low = np.minimum(open_, close) * (1.0 - np.abs(rng.normal(0.0, 0.004, close.shape)))
    return {"open": open_, "high": high, "low": low, "close": close}


def donchian(bars: dict[str, NDArray[np.float64]], channel: int) -> NDArray[np.int8]:
    """Long from a close above the highs of the ``channel`` bars before, short from one below their lows."""
    columns = [f"s{number}" for number in range(SYMBOLS)]
    high = (
        pl.DataFrame(bars["high"], schema=columns).select(pl.all().rolling_max(channel).shift(1)).to_numpy()
    )
    low = pl.DataFrame(bars["low"], schema=columns).select(pl.all().rolling_min(channel).shift(1)).to_numpy()
    broken = np.where(bars["close"] > high, 1.0, np.where(bars["close"] < low, -1.0, np.nan))
    held = pl.DataFrame(broken, schema=columns).select(pl.all().fill_nan(None).forward_fill().fill_null(0.0))
    return held.to_numpy().astype(np.int8)


def write_work(path: Path) -> None:
    """The market, signals (sets, bars, symbols) and accounts that all tools read."""
    bars = prices()
    signals = np.stack([donchian(bars, 10 * number) for number in range(1, SIGNALS + 1)])
    steps = np.arange(ACCOUNTS)
    accounts = {
        "commission": 0.0001 * (2 + steps),
        "stop_loss": 0.03 + 0.01 * steps,
        "take_profit": 0.06 + 0.02 * steps,
    }
    np.savez(path, target=signals, **bars, **accounts)


def turn(process: "subprocess.Popen[str]", case: str) -> dict[str, float]:
    """Have a worker run ``case`` once."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(case + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise SystemExit(f"{process.args} ended. Are the peers installed (make peers)?")
    cost: dict[str, float] = json.loads(answer)
    return cost


def measure(work: Path) -> None:
    """Start the workers, let them take turns, print a line for each case and tool."""
    processes = {
        tool.name: subprocess.Popen(
            [part.replace("{work}", str(work)) for part in tool.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=HERE / "peers",
        )
        for tool in TOOLS
    }
    try:
        for case in ("no stops", "stops"):
            costs: dict[str, list[dict[str, float]]] = {tool.name: [] for tool in TOOLS}
            for number in range(TURNS + 1):
                for tool in TOOLS:
                    if number <= tool.turns:
                        costs[tool.name].append(turn(processes[tool.name], case))
            for tool in TOOLS:
                report(tool, case, costs[tool.name][1:], costs["crypto_bt"][1:])
    finally:
        for process in processes.values():
            process.kill()
            process.wait()


def report(tool: Tool, case: str, costs: list[dict[str, float]], ours: list[dict[str, float]]) -> None:
    """Print the line of one tool and case; the first turn, which compiles, is not among ``costs``."""
    share = tool.symbols / SYMBOLS
    sets = SIGNALS * ACCOUNTS
    millions = tool.symbols * BARS * sets / 1e6
    ratios = [
        cost["cpu_seconds"] / share / own["cpu_seconds"] for cost, own in zip(costs, ours, strict=False)
    ]
    line = {
        "benchmark": "peers",
        "work": f"{tool.symbols} symbols x {BARS} bars x {sets} parameter sets, {case}",
        "tool": tool.name,
        "rate": float(f"{millions / statistics.median(cost['cpu_seconds'] for cost in costs):.3g}"),
        "unit": "million bar-parameters per CPU second",
        "ratio": float(f"{statistics.median(ratios):.3g}"),
        "peak_rss_mb": costs[-1]["peak_rss_mb"],
        "trades": costs[-1]["trades"],
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write_work(Path(folder) / "work.npz")
        measure(Path(folder) / "work.npz")
