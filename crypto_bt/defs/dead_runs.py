"""Runs whose process died without a word (kill -9, reboot): they would hold their place for ever."""

from typing import Final

import dagster as dg

from crypto_bt.runtime.processes import is_alive

PROCESS_TAG: Final = "crypto_bt/process"
UNFINISHED: Final = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def fail_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report as failed every unfinished run of the command line whose process is gone; their run ids."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    dead = [run for run in runs if PROCESS_TAG in run.tags and not is_alive(run.tags[PROCESS_TAG])]
    for run in dead:
        instance.report_run_failed(run, "The process of this run ended without finishing it. Run it again.")
    return [run.run_id for run in dead]
