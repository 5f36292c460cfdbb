"""Runs whose process died without a word (kill -9, reboot): they would hold their place for ever."""

import sys
from typing import Final

import dagster as dg

from crypto_bt.runtime.processes import is_alive, process_mark

#: The process of a run, and, once it has begun, the run's id. The web UI hides what begins so.
PROCESS_TAG: Final = ".dagster/crypto_bt_process"
UNFINISHED: Final = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def mark_run(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Note that this process executes ``run``."""
    instance.add_run_tags(run.run_id, {PROCESS_TAG: f"{process_mark()} {run.run_id}"})


def fail_dead_runs(instance: dg.DagsterInstance, *, alone: bool = False) -> list[str]:
    """Report as failed every unfinished run whose process is gone; their run ids.

    A run that its worker has not marked yet may be about to begin. ``alone``: whoever asks knows that no
    server and no worker of the home runs, so that such a run was killed before it could mark itself.
    """
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    dead = [run for run in runs if _is_dead(run) or (alone and not worker_of(run))]
    for run in dead:
        instance.report_run_failed(run, "The process of this run ended without finishing it. Run it again.")
    return [run.run_id for run in dead]


def worker_of(run: dg.DagsterRun) -> str:
    """The mark of the process that executes ``run``; empty while none is known."""
    process, _, owner = run.tags.get(PROCESS_TAG, "").partition(" ")
    # A run that is executed again inherits the tag of the one before.
    return process if owner in ("", run.run_id) else ""


def _is_dead(run: dg.DagsterRun) -> bool:
    process = worker_of(run)
    return bool(process) and not is_alive(process)


def main(home: str) -> None:
    """Do so in a process of its own, for one that had better not load Dagster, and that holds the home's
    lock ``service`` after it has ended what was left behind."""
    from pathlib import Path

    from crypto_bt.defs.execute import open_instance
    from crypto_bt.runtime.home import Home

    with open_instance(Home(Path(home))) as instance:
        fail_dead_runs(instance, alone=True)


if __name__ == "__main__":
    main(sys.argv[1])
