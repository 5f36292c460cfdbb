"""Alerts as messages that a person can act on: what, where, value against limit, since when, what to do."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from crypto_bt.core.alert_causes import CAUSES, PAGE
from crypto_bt.core.alert_routing import Batch, Item, Waiting
from crypto_bt.core.alert_troubles import Kind
from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.rich_text import ELLIPSIS, MESSAGE_LIMIT, Span, as_html, as_plain, size, visible

#: A message of at most so many paragraphs tells each in full.
IN_FULL: Final = 3
#: The words below the digest's picture.
PICTURED: Final = "Equity and drawdown of the last night."
_HEAD_ROOM: Final = 80
#: Room for the place, each figure and what the system does: as much as fits beside the rest. The command and
#: the id are never cut; only the last has no link to the run.
_ROOMS: Final = ((160, 120, 200), (90, 60, 90), (60, 30, 0))
#: So much of what an alert says is worth more than the rest of its lines in full.
_WORTH: Final = 240
_RUN: Final = re.compile(r"[0-9a-f-]{8,40}")
_SIGNS: Final = {
    AlertSeverity.CRITICAL: "\U0001f534",
    AlertSeverity.WARNING: "\U0001f7e0",
    AlertSeverity.INFO: "\U0001f535",
}
_OVER: Final = "\u2705"
_NAMED: Final = 6


@dataclass(frozen=True, slots=True)
class Message:
    """What a channel sends: the same as Telegram's ``html`` and ``plain``, or a picture with words below.

    ``words`` are what it tells; ``silent``: it rings no bell.
    """

    html: str
    plain: str
    chat: str = ""
    silent: bool = False
    picture: bytes | None = None
    words: tuple[Waiting, ...] = ()


def compose(batch: Batch, ui_url: str) -> Message:
    """The message that tells ``batch``, within Telegram's limit; runs are linked below ``ui_url``."""
    items = batch.items
    head = _head(items)
    room = (MESSAGE_LIMIT - _HEAD_ROOM) // len(items)
    spans = list(head)
    for item in items:
        if spans:
            spans.append(Span("\n\n"))
        spans += _item(item, room - 2, ui_url, in_full=len(items) <= IN_FULL)
    silent = all(word.kind is Kind.RESOLVED for word in batch.words)
    return Message(as_html(spans), as_plain(spans), batch.chat, silent, words=batch.words)


def compose_digest(batch: Batch, html: str, picture: bytes | None) -> Message:
    """The digest's message, whose ``html`` was written with it; or its picture."""
    [word] = batch.words
    plain = word.alert.what if picture is None else PICTURED
    return Message(html, plain, batch.chat, silent=True, picture=picture, words=batch.words)


def _head(items: Sequence[Item]) -> list[Span]:
    if len(items) == 1:
        return []
    words = [word for item in items for word in item.words]
    raised = Counter(str(word.alert.severity) for word in words if word.kind is Kind.RAISED)
    over = len(words) - sum(raised.values())
    parts = [f"{raised[severity]} {severity}" for severity in AlertSeverity if raised[severity]]
    return [Span(", ".join([*parts, *([f"{over} resolved"] if over else [])]), "b")]


def _item(item: Item, room: int, ui_url: str, *, in_full: bool) -> list[Span]:
    if len(item.words) > 1:
        return _summed_up(item.words, room)
    [word] = item.words
    return _whole(word, room, ui_url) if in_full else _short(word, room)


def _title(word: Waiting, count: int = 1) -> list[Span]:
    over = word.kind is Kind.RESOLVED
    sign = _OVER if over else _SIGNS[word.alert.severity]
    state = "RESOLVED" if over else word.alert.severity.upper()
    times = f" × {count}" if count > 1 else ""
    return [Span(f"{sign} "), Span(f"{state} {visible(word.alert.cause, 40)}{times}", "b")]


def _whole(word: Waiting, room: int, ui_url: str) -> list[Span]:
    """Everything, a line each; ``what`` gets the room that the others leave."""
    shown = visible(word.alert.what, room)
    for rooms in _ROOMS:
        before, after = _around(word, rooms, ui_url if rooms != _ROOMS[-1] else "")
        left = room - size([*before, *after]) - 4
        if left >= min(size([Span(shown)]), _WORTH):
            break
    return [*before, Span(visible(word.alert.what, left) or "-"), *after]


def _around(word: Waiting, rooms: tuple[int, int, int], ui_url: str) -> tuple[list[Span], list[Span]]:
    """The lines before and after what an alert says."""
    alert = word.alert
    of_place, of_figure, of_doing = rooms
    where = visible(alert.where, of_place)
    before = [*_title(word), *([Span(f"\n{where}")] if where else []), Span("\n")]
    after = _figures(alert, of_figure, over=word.kind is Kind.RESOLVED)
    if word.kind is Kind.RAISED:
        doing = visible(alert.doing, of_doing)
        after += [*([Span(f"\nThe system: {doing}")] if doing else []), *_remedy(alert)]
    return before, [*after, *_signature(alert, ui_url)]


def _short(word: Waiting, room: int) -> list[Span]:
    alert = word.alert
    where = visible(alert.where, 60)
    before = [*_title(word), *([Span(f" {where}")] if where else []), Span("\n")]
    after = [Span(f" [{alert.id}]", "i")]
    left = room - size([*before, *after]) - 2
    return [*before, Span(visible(alert.what, left) if left > 0 else ELLIPSIS), *after]


def _summed_up(words: Sequence[Waiting], room: int) -> list[Span]:
    """Many words on one cause: how many, and the first places."""
    first = words[0]
    before = [*_title(first, len(words)), Span("\n")]
    places = list(dict.fromkeys(word.alert.where for word in words if word.alert.where))
    named = ", ".join(visible(place, 40) for place in places[:_NAMED])
    rest = f" and {len(places) - _NAMED} more" if len(places) > _NAMED else ""
    listing = "\ncrypto-bt alerts list"
    left = room - size(before) - len(listing) - 2
    text = visible(f"{named}{rest}. The first: {first.alert.what}", left) if left > 0 else ELLIPSIS
    tail = [Span("\n"), Span(listing.strip(), "code")] if left > len(ELLIPSIS) else []
    return [*before, Span(text), *tail]


def _figures(alert: Alert, room: int, *, over: bool) -> list[Span]:
    value, limit = visible(alert.value, room), visible(alert.limit, room)
    parts = [f"value {value}"] if value and not over else []
    parts += [f"limit {limit}"] if limit and not over else []
    parts.append(f"since {_minute(alert.since)} UTC")
    text = ", ".join(parts)
    return [Span(f"\n{text[:1].upper()}{text[1:]}")]


def _remedy(alert: Alert) -> list[Span]:
    command = visible(alert.command, 700)
    if command and not command.endswith(ELLIPSIS):
        return [Span("\n"), Span(command, "code")]
    if command:
        return [Span("\n"), Span(f"crypto-bt alerts show {alert.id}", "code")]
    return [Span(f"\nSee {PAGE}#{alert.cause}")] if alert.cause in CAUSES else []


def _signature(alert: Alert, ui_url: str) -> list[Span]:
    spans = [Span("\n"), Span(f"Alert {alert.id}", "i")]
    if ui_url and _RUN.fullmatch(alert.run) and len(ui_url) <= 200:
        link = f"{ui_url.rstrip('/')}/runs/{alert.run}"
        spans += [Span(" · "), Span(f"run {alert.run[:8]}", link=link)]
    return spans


def _minute(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
