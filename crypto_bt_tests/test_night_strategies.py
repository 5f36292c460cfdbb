"""Strategies in processes of their own: one that goes wrong costs the night only itself."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from crypto_bt.backtest.nightly.evaluating import evaluate_here
from crypto_bt.backtest.nightly.market import NightMarket
from crypto_bt.backtest.spec import NightSpec
from crypto_bt.night_strategies import run_strategies
from crypto_bt.store import SnapshotStore
from crypto_bt_tests.bad_strategies import WRONG, install_wrong
from crypto_bt_tests.test_night import spec as night_spec

spec = night_spec
MARK = "CRYPTO_BT_TEST_MARK"


@pytest.fixture
def marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A value in the environment of whatever this test starts; the wrong package is on its import path."""
    install_wrong(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path.cwd()}")
    monkeypatch.setenv(MARK, str(tmp_path))
    return str(tmp_path)


def left_behind(mark: str) -> list[int]:
    """Processes that still run with this mark, this one excepted."""
    found = []
    for process in psutil.process_iter():
        try:
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and process.pid != os.getpid() and process.environ().get(MARK) == mark:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("it_raises", "ZeroDivisionError: no volume"),
        ("it_leaves", "it ended with code 7"),
        ("it_loops", "it took longer than 0.1 minutes, and was stopped"),
        ("it_sleeps_with_children", "it took longer than 0.1 minutes, and was stopped"),
        ("it_eats_memory", "MB of memory, more than 450, and was stopped"),
        ("it_gives_nan", "gives the target nan for AAAUSDT"),
        ("it_bombs", "processes, more than 32, and was stopped"),
    ],
)
def test_strategy_that_goes_wrong_is_told_of_and_the_next_one_is_evaluated(
    spec: NightSpec, tmp_path: Path, marked: str, name: str, words: str
) -> None:
    endless = name in ("it_loops", "it_sleeps_with_children")
    names = [name] if endless else [name, "buy_and_hold"]
    chosen = replace(
        spec, strategies={each: {} for each in names}, strategy_seconds=6.0 if endless else 300.0,
        memory_mb=450.0 if name == "it_eats_memory" else 8_000.0,
    )  # fmt: skip
    file = tmp_path / "spec.json"
    file.write_text(chosen.to_json())
    said: list[Mapping[str, Any]] = []
    found = {each.name: each for each in run_strategies(file, tmp_path / "work", said.append)}
    wrong, *right = (found[each] for each in names)
    assert {message["strategy"]: message["error"] for message in said}[name] == wrong.error
    assert words in (wrong.error or "")
    assert wrong.targets is None
    assert [(each.name, each.error) for each in right] == [(each, None) for each in names[1:]]
    assert left_behind(marked) == []


def test_every_way_to_go_wrong_is_tested() -> None:
    parameters = test_strategy_that_goes_wrong_is_told_of_and_the_next_one_is_evaluated.pytestmark[0]  # type: ignore[attr-defined]
    assert {name for name, _ in parameters.args[1]} == set(WRONG)


def test_strategies_evaluated_elsewhere_are_what_they_are_here(spec: NightSpec, tmp_path: Path) -> None:
    spec = replace(spec, threads=2)
    file = tmp_path / "spec.json"
    file.write_text(spec.to_json())
    market = NightMarket(SnapshotStore(Path(spec.store)), spec)
    elsewhere = run_strategies(file, tmp_path / "work", lambda _: None)
    here = list(evaluate_here(lambda _: None)(market, sorted(spec.strategies)))
    assert [each.name for each in here] == [each.name for each in elsewhere]
    for one, other in zip(here, elsewhere, strict=True):
        assert (one.told, one.error) == (other.told, other.error)
        assert isinstance(other.targets, Path)
        assert np.array_equal(one.targets, np.load(other.targets))
        assert other.peak_mb > 20.0
