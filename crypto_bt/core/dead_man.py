"""The dead-man's switch: what must be alive for silence to mean health."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta


def silent_parts(
    heartbeats: Mapping[str, datetime],
    expected: Sequence[str],
    late: Sequence[str],
    max_age: timedelta,
    now: datetime,
) -> list[str]:
    """Why the switch must fall, a sentence each; empty while all is alive.

    ``heartbeats``: the last sign of life of each part; each ``expected`` one must have one that is at most
    ``max_age`` old. ``late``: what is wrong with the data.
    """
    found = []
    for part in expected:
        last = heartbeats.get(part)
        if last is None:
            found.append(f"{part} has never given a sign of life.")
        elif now - last > max_age:
            minutes = (now - last).total_seconds() / 60
            limit = max_age.total_seconds() / 60
            found.append(f"{part} gave its last sign of life {minutes:.0f} min ago, limit {limit:.0f} min.")
    return [*found, *late]
