"""What runs say goes into the home's logs too, in whichever process a run is."""

import logging
import os
import sys
from collections.abc import Callable
from typing import Final

import dagster as dg
from pydantic import SecretStr

from crypto_bt.core.foreign_settings import is_exchange_key
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.job_log import JobLogs
from crypto_bt.settings import Settings

#: Below it are the many small steps of Dagster itself; of these only how a run ended is told.
_LEAST: Final = logging.INFO
_ENDS: Final = (dg.DagsterEventType.RUN_SUCCESS, dg.DagsterEventType.RUN_CANCELED)


def log_run(instance: dg.DagsterInstance, run: dg.DagsterRun, desk: Desk) -> None:
    """Write into the log of its job what ``run`` says from now on: its words of INFO and above, its failures.

    A line that the disk does not take is lost and told on standard error; the run goes on.
    """
    instance.add_event_listener(run.run_id, _writer(logs_of(desk), run.job_name))


def logs_of(desk: Desk) -> JobLogs:
    """The home's logs, in which no secret of its settings or of the environment is ever written."""
    foreign = [value for name, value in os.environ.items() if is_exchange_key(name)]
    return JobLogs(desk.home.logs, [*secrets_of(desk.settings), *foreign])


def secrets_of(settings: Settings) -> list[str]:
    """The values of all settings that are secrets; of one that is a list, each of its parts too."""
    values = [getattr(settings, name) for name in type(settings).model_fields]
    texts = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    return [part for text in texts for part in {text, *text.split()} if part]


def _writer(logs: JobLogs, job: str) -> Callable[[dg.EventLogEntry], None]:
    def write(entry: dg.EventLogEntry) -> None:
        level = _level(entry)
        if level < _LEAST:
            return
        try:
            logs.write(job, logging.getLevelName(level).lower(), _event(entry), **_more(entry))
        except OSError as error:
            sys.stderr.write(f"The log of {job} did not take a line: {error}\n")

    return write


def _level(entry: dg.EventLogEntry) -> int:
    level, event = entry.level, entry.dagster_event
    if event is not None and event.event_type in _ENDS:
        return logging.INFO
    return (
        level if isinstance(level, int) else logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    )


def _event(entry: dg.EventLogEntry) -> str:
    event = entry.dagster_event
    return (event.message if event is not None else None) or entry.user_message


def _more(entry: dg.EventLogEntry) -> dict[str, str]:
    event, error = entry.dagster_event, entry.error_info
    if event is not None and event.is_step_failure:
        error = event.step_failure_data.error
    elif event is not None and event.is_job_failure:
        error = event.job_failure_data.error
    told = {
        "run": entry.run_id,
        "step": entry.step_key,
        "kind": event.event_type_value if event is not None else None,
        "error": error.to_string() if error is not None else None,
    }
    return {name: value for name, value in told.items() if value is not None}
