"""The night's own work: one snapshot in, tables and a stamp out.

The tables (:data:`crypto_bt.backtest.nightly.compute.TABLES`) are Parquet, beside them is stamp.json. The
same spec, snapshot and code give the same bytes.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from crypto_bt.backtest.code_version import code_version
from crypto_bt.backtest.nightly.compute import Night, Say, compute_night
from crypto_bt.backtest.nightly.evaluating import Evaluate, Evaluated, evaluated_before
from crypto_bt.backtest.nightly.market import group_datasets, symbol_groups
from crypto_bt.backtest.results import SCHEMA_VERSION, iso
from crypto_bt.backtest.spec import NightSpec
from crypto_bt.core.errors import BacktestError
from crypto_bt.night_strategies import Outcome
from crypto_bt.store import Snapshot, SnapshotStore
from crypto_bt.store.symbol_files import SymbolFiles

_LIBRARIES = ("numba", "numpy", "polars")


def run_night(
    spec: NightSpec,
    store: SnapshotStore,
    out: Path,
    say: Say,
    outcomes: Sequence[Outcome] = (),
    scratch: Path | None = None,
) -> dict[str, Any]:
    """Compute the night and write its files into ``out`` (made if missing); returns the stamp.

    ``outcomes`` of the strategies, where they were evaluated already (none: they are evaluated here).
    ``scratch`` is a folder for copies of what is read often (none: the store is read as often); the caller
    removes it.

    Raises :class:`BacktestError` if ``out`` is not empty, the code is not the one the spec was written for,
    or no strategy finishes; and what the store raises.
    """
    out.mkdir(parents=True, exist_ok=True)
    if any(out.iterdir()):
        raise BacktestError(f"{out} is not empty.", "Give the night a new folder.")
    code = code_version()
    if spec.code_version not in (None, code):
        raise BacktestError("The code changed after this night was started.", "Start the night again.")
    snapshot = store.snapshot(spec.snapshot)
    say(
        {
            "event": "started",
            "night": spec.night.isoformat(),
            "snapshot": snapshot.id,
            "of": len(spec.strategies),
        }
    )
    reader = SymbolFiles(store, scratch, symbol_groups(spec), group_datasets(spec)) if scratch else store
    night = compute_night(reader, spec, say, _elsewhere(outcomes) if outcomes else None)
    stamp = _stamp(spec, snapshot, night, code)
    for name, frame in night.tables.items():
        frame.write_parquet(out / f"{name}.parquet", compression="zstd", compression_level=3, statistics=True)
    text = json.dumps(stamp, sort_keys=True, indent=1, allow_nan=False, ensure_ascii=False)
    (out / "stamp.json").write_text(text + "\n", encoding="utf-8")
    say({"event": "finished", "trades": len(night.tables["trades"]), "symbols": len(night.symbols)})
    return stamp


def _elsewhere(outcomes: Sequence[Outcome]) -> Evaluate:
    found = (Evaluated(each.name, each.told, each.targets, each.error) for each in outcomes)
    return evaluated_before({each.name: each for each in found})


def _stamp(spec: NightSpec, snapshot: Snapshot, night: Night, code: str) -> dict[str, Any]:
    """Everything the result depends on, and nothing else: no run ids, no times of the run."""
    return {
        "schema_version": SCHEMA_VERSION,
        "night": spec.night.isoformat(),
        "cutoff": iso(spec.cutoff),
        "history_start": iso(spec.history_start) if spec.history_start else None,
        "snapshot": {"id": snapshot.id, "digest": snapshot.digest, "source": snapshot.source},
        "code_version": code,
        "libraries": {name: version(name) for name in _LIBRARIES},
        "strategies": night.strategies,
        "benchmark": spec.benchmark,
        "costs": asdict(spec.costs),
        "walk_forward": asdict(spec.walk_forward),
        "execution": spec.execution.value,
        "trials": night.trials,
        "trials_doubt": spec.trials_doubt,
        "seed": spec.seed,
        "initial_capital": spec.initial_capital,
        "symbols": sorted(night.symbols),
        "left_out": dict(sorted(night.left_out.items())),
        "mark_price_source": night.marks,
        "symbols_without_funding": sorted(night.symbols_without_funding),
        "order_rules_unknown": {name: list(columns) for name, columns in night.order_rules_unknown.items()},
    }
