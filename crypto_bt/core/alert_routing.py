"""Which of the waiting words to send now, and which of them in one message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Final

from crypto_bt.core.alert_troubles import Kind
from crypto_bt.core.alerts import Alert, AlertSeverity

#: So many causes fit into one urgent message; the others follow in the next minute.
URGENT_ITEMS: Final = 20


class Lane(StrEnum):
    """How a message travels: at once, a few in an hour, or when it is time."""

    URGENT = "urgent"
    ROUTINE = "routine"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Policy:
    """How much a person is told, and where.

    ``chats``: the address of each severity; one that is missing is the channel's own. In the quiet hours
    (UTC, from and to) only what is CRITICAL is sent. After a message of warnings the next ones are gathered
    over ``window``. ``batched`` false: every word by itself, at once.
    """

    chats: Mapping[AlertSeverity, str] = field(default_factory=dict)
    batched: bool = True
    window: timedelta = timedelta(minutes=5)
    messages_an_hour: int = 10
    alerts_a_message: int = 10
    urgent_every: timedelta = timedelta(minutes=1)
    cooldown: timedelta = timedelta(minutes=30)
    quiet: tuple[time, time] | None = None

    def tells(self, severity: AlertSeverity) -> bool:
        """Whether it goes through the channel at all: what is INFO disturbs nobody."""
        return not self.batched or severity is not AlertSeverity.INFO

    @property
    def direct(self) -> "Policy":
        """The same for a channel that takes everything at once."""
        return replace(self, batched=False, quiet=None)

    def is_quiet(self, now: datetime) -> bool:
        """Whether ``now`` lies in the quiet hours."""
        if self.quiet is None:
            return False
        start, end = self.quiet
        moment = now.astimezone(UTC).time()
        return start <= moment < end if start <= end else moment >= start or moment < end


@dataclass(frozen=True, slots=True)
class Waiting:
    """A word that waits since ``since``: the ``number``-th; ``alone``: not together with others."""

    number: int
    kind: Kind
    alert: Alert
    since: datetime
    alone: bool = False

    @property
    def lane(self) -> Lane:
        """How it travels."""
        if self.kind in (Kind.DIGEST, Kind.PICTURE):
            return Lane.DIGEST
        urgent = self.kind is Kind.RAISED and self.alert.severity is AlertSeverity.CRITICAL
        return Lane.URGENT if urgent else Lane.ROUTINE


@dataclass(frozen=True, slots=True)
class Told:
    """A message that was sent, or is being sent."""

    at: datetime
    chat: str
    lane: Lane

    def within(self, span: timedelta, now: datetime) -> bool:
        """Whether it was sent in the last ``span``; what a clock that was set back dates later was not."""
        return timedelta() <= now - self.at < span


@dataclass(frozen=True, slots=True)
class Item:
    """One paragraph of a message: words of one kind on one cause; a single one is told in full."""

    words: tuple[Waiting, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """One message to send to ``chat``."""

    lane: Lane
    chat: str
    items: tuple[Item, ...]

    @property
    def words(self) -> tuple[Waiting, ...]:
        """All that it tells."""
        return tuple(word for item in self.items for word in item.words)


def decide(
    waiting: Sequence[Waiting], told: Sequence[Told], policy: Policy, now: datetime
) -> tuple[Batch, ...]:
    """The messages to send at ``now``; ``told`` holds those of the last hour, of one channel.

    What is INFO disturbs nobody: the digest counts it.
    """
    if not policy.batched:
        return tuple(_single(word, policy) for word in waiting)
    sendable = [word for word in waiting if word.lane is Lane.DIGEST or _is_told(word)]
    return (
        *_urgent([word for word in sendable if word.lane is Lane.URGENT], told, policy, now),
        *_digests([word for word in sendable if word.lane is Lane.DIGEST], policy),
        *_routine([word for word in sendable if _is_routine(word, sendable)], told, policy, now),
    )


def _is_told(word: Waiting) -> bool:
    return word.alert.severity is not AlertSeverity.INFO


def _is_routine(word: Waiting, sendable: Sequence[Waiting]) -> bool:
    """Nobody is told that a trouble is over before he is told that it has come."""
    return word.lane is Lane.ROUTINE and not any(
        other.lane is Lane.URGENT and other.alert.id == word.alert.id and other.number < word.number
        for other in sendable
    )


def _single(word: Waiting, policy: Policy) -> Batch:
    return Batch(word.lane, _chat(word, policy), (Item((word,)),))


def _chat(word: Waiting, policy: Policy) -> str:
    return policy.chats.get(word.alert.severity, "")


def _digests(words: Sequence[Waiting], policy: Policy) -> tuple[Batch, ...]:
    return tuple(_single(word, policy) for word in words)


def _urgent(
    words: Sequence[Waiting], told: Sequence[Told], policy: Policy, now: datetime
) -> tuple[Batch, ...]:
    """All that is CRITICAL, in one message a minute and chat."""
    found = []
    for chat, group in _by_chat(words, policy):
        if any(
            other.lane is Lane.URGENT and other.chat == chat and other.within(policy.urgent_every, now)
            for other in told
        ):
            continue
        # In a message that was refused one word may be to blame for all.
        suspects = [word for word in group if word.alone]
        some = suspects[:1] or group
        pages = _pages(some, policy)
        items = pages[0] if len(pages) == 1 else _by_cause(some)
        found.append(Batch(Lane.URGENT, chat, tuple(items[:URGENT_ITEMS])))
    return tuple(found)


def _routine(
    words: Sequence[Waiting], told: Sequence[Told], policy: Policy, now: datetime
) -> tuple[Batch, ...]:
    """Warnings, and what is over: the first at once, what follows in its window together; few in an hour."""
    if policy.is_quiet(now):
        return ()
    sent = [other for other in told if other.lane is Lane.ROUTINE and other.within(timedelta(hours=1), now)]
    found = []
    for chat, group in _by_chat(words, policy):
        pages = [[Item((word,))] for word in group if word.alone]
        if not any(other.chat == chat and other.within(policy.window, now) for other in sent):
            pages += _pages([word for word in group if not word.alone], policy)
        found += [Batch(Lane.ROUTINE, chat, tuple(page)) for page in pages]
    return tuple(found[: max(policy.messages_an_hour - len(sent), 0)])


def _by_chat(words: Sequence[Waiting], policy: Policy) -> list[tuple[str, list[Waiting]]]:
    ordered = sorted(words, key=lambda word: (_chat(word, policy), word.number))
    return [(chat, list(group)) for chat, group in groupby(ordered, key=lambda word: _chat(word, policy))]


def _pages(words: Sequence[Waiting], policy: Policy) -> list[list[Item]]:
    """Each word by itself if one message holds them all, else summed up by cause."""
    most = policy.alerts_a_message
    items = [Item((word,)) for word in words] if len(words) <= most else _by_cause(words)
    return [items[start : start + most] for start in range(0, len(items), most)]


def _by_cause(words: Sequence[Waiting]) -> list[Item]:
    groups: dict[tuple[str, Kind], list[Waiting]] = {}
    for word in words:
        groups.setdefault((word.alert.cause, word.kind), []).append(word)
    return [Item(tuple(group)) for group in groups.values()]
