"""vectorbt under measurement: its Rust engine through ``Portfolio.from_signals``, and its bare simulation.

One row a bar, filled at the next open: signals are shifted by one bar and the price is the open; an entry
against the position held reverses it. Neither case computes any statistics: they give order records. Each
gets the width at which it is fastest, as measured: all symbols of one parameter set in a call of
``from_signals``, one column in a call of the bare simulation (three times faster than with 480).
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import vectorbt as vbt
import vectorbt_rust.portfolio as rust
from vectorbt.portfolio.enums import StopEntryPrice
from worker import serve


def arguments(work: Any, symbols: slice) -> Iterator[tuple[str, dict[str, Any]]]:
    """Cases and arguments of ``from_signals`` for some symbols, one of each for every parameter set."""
    prices = {name: np.ascontiguousarray(work[name][:, symbols]) for name in ("open", "high", "low", "close")}
    for target in work["target"][:, :, symbols]:
        wanted = np.vstack([np.zeros_like(target[:1]), target[:-1]])
        changed = np.diff(wanted, axis=0, prepend=0) != 0
        exits = changed & (wanted == 0)
        given = {
            "close": prices["close"],
            "price": prices["open"],
            "entries": changed & (wanted > 0),
            "exits": exits,
            "short_entries": changed & (wanted < 0),
            "short_exits": exits,
            "init_cash": 10_000.0,
            "freq": "4h",
            "engine": "rust",
        }
        ranges = {name: prices[name] for name in ("open", "high", "low")}
        for fees, stop, profit in zip(
            *(work[name].tolist() for name in ("commission", "stop_loss", "take_profit")), strict=True
        ):
            yield "no stops", {**given, "fees": fees}
            stops = {"sl_stop": stop, "tp_stop": profit, "stop_entry_price": StopEntryPrice.FillPrice}
            yield "stops", {**given, **ranges, **stops, "fees": fees}


def captured(given: dict[str, Any]) -> Any:
    """The call of the Rust function which ``from_signals`` makes, its arrays ready."""
    original, calls = rust.simulate_from_signals_rs, []

    def capture(*positional: Any, **named: Any) -> Any:
        calls.append(partial(original, *positional, **named))
        return original(*positional, **named)

    rust.simulate_from_signals_rs = capture
    vbt.Portfolio.from_signals(**given)
    rust.simulate_from_signals_rs = original
    return calls[0]


def opened(orders: np.ndarray) -> int:
    """Positions opened by the order records of one call."""
    orders = orders[np.lexsort((orders["idx"], orders["col"]))]
    signed = np.where(orders["side"] == 0, orders["size"], -orders["size"])
    held = np.cumsum(signed)
    before = held - signed
    first = np.diff(orders["col"], prepend=-1) != 0
    held -= np.repeat(before[first], np.diff(np.append(np.flatnonzero(first), len(orders))))
    side = np.sign(np.where(np.abs(held) < 1e-9 * orders["size"], 0.0, held))
    return int(((side != 0) & (first | (side != np.append(0, side[:-1])))).sum())


def simulated(calls: list[Any]) -> Callable[[], int]:
    """The bare simulation, call by call."""
    orders = [call()[0] for call in calls]
    return lambda: sum(opened(records) for records in orders)


def from_signals(arguments: list[dict[str, Any]]) -> Callable[[], int]:
    """The call a user makes, one for each parameter set."""
    orders = [vbt.Portfolio.from_signals(**given).order_records for given in arguments]
    return lambda: sum(opened(records) for records in orders)


def main(path: str, symbols: str, how: str) -> None:
    """Serve the cases of the file at ``path`` for its first ``symbols`` symbols: from_signals or simulate."""
    with np.load(path) as file:
        work = {name: file[name] for name in file.files}
    width = 1 if how == "simulate" else int(symbols)
    prepared: dict[str, list[Any]] = {"no stops": [], "stops": []}
    for first in range(0, int(symbols), width):
        for case, given in arguments(work, slice(first, first + width)):
            prepared[case].append(captured(given) if how == "simulate" else given)
    run = simulated if how == "simulate" else from_signals
    serve({case: partial(run, calls) for case, calls in prepared.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
