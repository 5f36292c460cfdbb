"""Pruning a real Dagster home: what is old goes, the latest word on everything stays, files shrink."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.test_utils import create_run_for_test

from crypto_bt.defs.execute import open_instance, run_job
from crypto_bt.defs.pruning import databases_of, prune
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.settings import load_settings, render_example
from crypto_bt.store.databases import damage_of, shrink_database

DAYS = 90
LATER = timedelta(days=DAYS + 10)
NOTE = "x" * 50_000


@dg.asset
def thing() -> dg.MaterializeResult[None]:
    """Fills the databases."""
    return dg.MaterializeResult(metadata={"note": NOTE})


@dg.asset
def other() -> None:
    """Materialized once."""


@dg.asset_check(asset=thing, name="well")
def well() -> dg.AssetCheckResult:
    """Passes."""
    return dg.AssetCheckResult(passed=True)


CHECKS = [dg.AssetCheckKey(dg.AssetKey("thing"), "well")]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.prepare(render_example(), {})
    return made


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    with open_instance(home) as opened:
        yield opened


def run_of(instance: dg.DagsterInstance, *chosen: dg.AssetsDefinition | dg.AssetChecksDefinition) -> str:
    """One run of these."""
    return dg.materialize([*chosen], instance=instance).run_id


def ids(instance: dg.DagsterInstance) -> set[str]:
    """Every run there is."""
    return {run.run_id for run in instance.get_runs()}


def test_prune_spares_the_latest_word_on_everything_and_removes_the_rest(
    home: Home, instance: dg.DagsterInstance
) -> None:
    once = run_of(instance, other)
    old = [run_of(instance, thing, well) for _ in range(10)]
    checked, latest = run_of(instance, thing, well), run_of(instance, thing)
    failed = create_run_for_test(instance, job_name="x", status=dg.DagsterRunStatus.FAILURE).run_id
    going = create_run_for_test(instance, job_name="x", status=dg.DagsterRunStatus.STARTED).run_id
    output = home.dagster / "storage" / old[0] / "compute_logs" / "step.out"
    output.parent.mkdir(parents=True)
    output.write_text("printed")
    orphan = home.dagster / "history" / "runs" / "gone.db"
    orphan.write_text("left over")
    for path in (output, orphan):
        os.utime(path, (1.0, 1.0))
    now = datetime.now(UTC)

    nothing = prune(instance, home.dagster, now, days=DAYS, check_keys=CHECKS)
    assert (nothing.runs, nothing.ticks) == (0, 0)
    assert ids(instance) >= {once, *old, checked, latest, failed, going}
    size = sum(path.stat().st_size for path in databases_of(home.dagster))

    done = prune(instance, home.dagster, now + LATER, days=DAYS, check_keys=CHECKS)
    assert ids(instance) == {once, checked, latest, going}
    assert (done.runs, done.runs_left) == (11, 4)
    assert done.freed > 10 * len(NOTE)
    assert done.shrunk > 5 * len(NOTE), "the databases themselves are shorter"
    assert sum(path.stat().st_size for path in databases_of(home.dagster)) < size
    assert not output.exists()
    assert not orphan.exists()
    files = {path.stem for path in (home.dagster / "history" / "runs").glob("*.db")}
    assert files & {*old, failed} == set()
    assert [damage_of(path) for path in databases_of(home.dagster)] == ["", "", ""]
    event = instance.get_latest_materialization_event(dg.AssetKey("thing"))
    assert event is not None
    assert event.run_id == latest
    [evaluation] = instance.event_log_storage.get_asset_check_execution_history(CHECKS[0], limit=1)
    assert evaluation.run_id == checked
    assert instance.get_latest_materialization_event(dg.AssetKey("other")) is not None
    assert run_of(instance, thing, well) in ids(instance), "it works on"


def test_prune_removes_ticks_that_are_old_and_keeps_the_toggle(
    home: Home, instance: dg.DagsterInstance
) -> None:
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("crypto_bt"), "__repository__"), "data_update"
    )
    state = InstigatorState(
        origin, InstigatorType.SCHEDULE, InstigatorStatus.STOPPED, ScheduleInstigatorData("30 0 * * *")
    )
    instance.add_instigator_state(state)
    now = datetime.now(UTC)
    for age in (DAYS + 1, DAYS + 2, DAYS - 1, 0):
        instance.create_tick(
            TickData(
                instigator_origin_id=state.instigator_origin_id,
                instigator_name="data_update",
                instigator_type=InstigatorType.SCHEDULE,
                status=TickStatus.SUCCESS,
                timestamp=(now - timedelta(days=age)).timestamp(),
                selector_id=state.selector_id,
                run_ids=[],
            )
        )
    done = prune(instance, home.dagster, now, days=DAYS, check_keys=[])
    assert done.ticks == 2
    assert len(instance.get_ticks(state.instigator_origin_id, state.selector_id)) == 2
    [left] = instance.all_instigator_state()
    assert left.status is InstigatorStatus.STOPPED


def test_shrink_leaves_a_database_that_somebody_writes_alone(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE t (x)")
        writer.executemany("INSERT INTO t VALUES (?)", [("y" * 5_000,)] * 200)
        writer.execute("DELETE FROM t WHERE rowid > 1")
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        writer.execute("BEGIN IMMEDIATE")
        assert shrink_database(path, patience=0.1) == 0
        writer.execute("INSERT INTO t VALUES (1)")
        writer.execute("COMMIT")
        assert shrink_database(path) > 500_000
        assert writer.execute("SELECT COUNT(*) FROM t").fetchone() == (2,)


def test_job_prune_history_tells_its_figures(home: Home) -> None:
    desk = Desk.open(load_settings(home.root))
    outcome = run_job("prune_history", desk)
    assert outcome.success, outcome.why
    figures = outcome.metadata["prune_history"]
    assert {"deleted_runs", "deleted_ticks", "deleted_files", "freed_bytes", "runs"} <= set(figures)
    assert figures["deleted_runs"] == 0
    assert figures["runs"] == 1
    assert [(check.name, check.passed) for check in outcome.checks] == [("bounded", True)]
