"""Signs of life of Dagster's daemons, as they write them into its storage."""

from datetime import UTC, datetime
from typing import Final

import dagster as dg

#: Without these no schedule and no sensor works, and no run starts.
DAEMONS: Final = ("SCHEDULER", "SENSOR", "QUEUED_RUN_COORDINATOR")


def daemon_heartbeats(instance: dg.DagsterInstance) -> dict[str, datetime]:
    """The last sign of life of each daemon that ever gave one."""
    beats = instance.get_daemon_heartbeats()
    return {name: datetime.fromtimestamp(beat.timestamp, UTC) for name, beat in beats.items()}
