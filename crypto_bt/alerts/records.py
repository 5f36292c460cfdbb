"""Rows of the outbox as values, and back."""

import sqlite3
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from crypto_bt.core.alert_routing import Lane, Told, Waiting
from crypto_bt.core.alert_troubles import Kind, Trouble
from crypto_bt.core.alerts import Alert
from crypto_bt.core.errors import UsageError

#: Most characters that are kept of what an alert says, and of each of its other texts.
KEPT_OF_WHAT: Final = 8_000
KEPT_OF_REST: Final = 1_000
#: What reading a row raises that an other version, or nobody, has written.
UNREADABLE: Final = (UsageError, ValueError, TypeError)


@dataclass(frozen=True, slots=True)
class Word:
    """Something told, or to be told, and what became of it in each channel (state and reason)."""

    number: int
    kind: Kind
    alert: Alert
    created_at: datetime
    deliveries: dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ChannelState:
    """How a channel fares: ``failures`` in a row with the last ``error``, when it last sent (None: never)."""

    name: str
    failures: int
    error: str
    sent_at: datetime | None
    not_before: datetime | None


def stored(moment: datetime) -> str:
    """A UTC moment as text that sorts by time."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """What :func:`stored` wrote."""
    return datetime.fromisoformat(text)


def kept(alert: Alert) -> Alert:
    """``alert`` as it is kept: without the end of overlong texts, and without half surrogate pairs."""
    texts = {
        name: _storable(getattr(alert, name))[: KEPT_OF_WHAT if name == "what" else KEPT_OF_REST]
        for name in ("cause", "what", "where", "value", "limit", "command", "doing", "run")
    }
    return replace(alert, **texts)  # type: ignore[arg-type]


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def trouble_of(row: sqlite3.Row | None) -> Trouble | None:
    """A row of ``troubles``; None for one that cannot be read, which is as if nothing were known."""
    if row is None:
        return None
    try:
        return Trouble(
            Alert.from_json(row["alert"]),
            row["count"],
            moment(row["opened_at"]),
            moment(row["last_at"]),
            moment(row["resolved_at"]) if row["resolved_at"] else None,
        )
    except UNREADABLE:
        return None


def waiting_of(row: sqlite3.Row) -> Waiting:
    """A row of ``words`` joined with its delivery; raises one of :data:`UNREADABLE`."""
    return Waiting(
        row["number"],
        Kind(row["kind"]),
        Alert.from_json(row["alert"]),
        moment(row["created_at"]),
        bool(row["alone"]),
    )


def told_of(row: sqlite3.Row) -> Told | None:
    """A row of ``messages``; None for one that cannot be read."""
    try:
        return Told(moment(row["at"]), row["chat"], Lane(row["lane"]))
    except UNREADABLE:
        return None


def channel_of(row: sqlite3.Row) -> ChannelState:
    """A row of ``channels``."""
    sent, until = row["sent_at"], row["not_before"]
    return ChannelState(
        row["name"],
        row["failures"],
        row["error"],
        moment(sent) if sent else None,
        moment(until) if until else None,
    )
