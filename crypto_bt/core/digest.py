"""The daily digest: one screen that says whether all is well, what the strategies did, and what was told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final

from crypto_bt.core.alert_troubles import Trouble
from crypto_bt.core.alerts import AlertSeverity
from crypto_bt.core.holds import NIGHT
from crypto_bt.core.rich_text import MESSAGE_LIMIT, Span, as_html, as_plain, size, visible

#: Most lines of each part.
_STRATEGIES: Final = 10
_STANDING: Final = 6
#: Most letters of the reason of a verdict.
_REASON: Final = 80
_FEEDS: Final = 5
_CAUSES: Final = 8
_GIGABYTE: Final = 1e9


@dataclass(frozen=True, slots=True)
class CandleLine:
    """A timeframe: age of its newest candle in hours (None without one), whole symbols of all, all well."""

    timeframe: str
    age_hours: float | None
    whole: int
    symbols: int
    well: bool


@dataclass(frozen=True, slots=True)
class ScoreLine:
    """A strategy in the last night: net return and its change since the night before, as fractions; its
    ``verdict``, and the ``reason``, which names it too."""

    strategy: str
    verdict: str
    net_return: float | None
    change: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class DigestFacts:
    """What is so at ``now``.

    ``late_feeds``: what is wrong with feeds that are no candles. ``night`` is the last one's day, ``stale``
    why no later one replaced it. ``raised``: alerts of the last day by cause. ``free`` and ``disk`` are the
    disk's bytes, ``used`` the home's; ``off``: what was stopped on purpose, and by whom, by name;
    ``more``: what else is worth a line.
    """

    now: datetime
    home: str
    candles: Sequence[CandleLine] = ()
    late_feeds: Sequence[str] = ()
    feeds: int = 0
    night: date | None = None
    stale: str = ""
    headline: str = ""
    scores: Sequence[ScoreLine] = ()
    raised: Mapping[str, int] = field(default_factory=dict)
    standing: Sequence[Trouble] = ()
    muted: Sequence[str] = ()
    free: int = 0
    disk: int = 0
    used: int = 0
    off: Mapping[str, str] = field(default_factory=dict)
    more: Sequence[str] = ()

    @property
    def well(self) -> bool:
        """Whether nothing needs a person."""
        loud = any(trouble.alert.severity is not AlertSeverity.INFO for trouble in self.standing)
        stale = self.stale and NIGHT not in self.off
        return not (loud or self.late_feeds or stale) and all(line.well for line in self.candles)


@dataclass(frozen=True, slots=True)
class Digest:
    """The same text as Telegram's HTML and without markup."""

    html: str
    plain: str


def write_digest(facts: DigestFacts) -> Digest:
    """The digest of ``facts``, within Telegram's limit: what comes last is left out where it is too long."""
    spans = title_part(facts)
    for part in (data_part(facts), night_part(facts), alerts_part(facts), machine_part(facts)):
        if size([*spans, *part]) <= MESSAGE_LIMIT:
            spans += part
    return Digest(as_html(spans), as_plain(spans))


def title_part(facts: DigestFacts) -> list[Span]:
    """Whether all is well, when, and where."""
    sign = "\u2705 All is well" if facts.well else "\u26a0\ufe0f Not all is well"
    head = Span(f"{sign}, {facts.now.astimezone(UTC):%Y-%m-%d %H:%M} UTC", "b")
    return [head, Span(f"\n{visible(facts.home, 100)}")]


def _title(text: str) -> Span:
    return Span(text, "b")


def data_part(facts: DigestFacts) -> list[Span]:
    """Age and coverage of the candles, and which other feeds are late."""
    spans = [Span("\n\n"), _title("Data")]
    for line in facts.candles:
        age = "none" if line.age_hours is None else f"{line.age_hours:.1f} h old"
        mark = "" if line.well else " \u26a0"
        spans.append(Span(f"\n{line.timeframe}: {age}, {line.whole} of {line.symbols} whole{mark}"))
    if not facts.candles:
        spans.append(Span("\nNothing is loaded yet."))
    elif facts.late_feeds:
        spans += [Span(f"\n\u26a0 {visible(text, 160)}") for text in facts.late_feeds[:_FEEDS]]
        spans += _rest(len(facts.late_feeds) - _FEEDS)
    else:
        spans.append(Span(f"\nThe other {facts.feeds} feeds are up to date."))
    return spans


def night_part(facts: DigestFacts) -> list[Span]:
    """The last night's strategies, the best first."""
    spans = [Span("\n\n"), _title(f"Night of {facts.night}" if facts.night else "No night yet")]
    spans += [Span(f"\n{visible(text, 200)}") for text in facts.off.values()]
    if facts.stale and NIGHT not in facts.off:
        spans.append(Span(f"\n\u26a0 Not replaced since: {visible(facts.stale, 300)}"))
    if facts.headline:
        spans.append(Span(f"\n{visible(facts.headline, 300)}"))
    for line in facts.scores[:_STRATEGIES]:
        change = "" if line.change is None else f" ({100 * line.change:+.1f} pp)"
        figure = "-" if line.net_return is None else f"{line.net_return:+.1%}"
        verdict = visible(line.reason, _REASON) if line.reason else line.verdict
        spans.append(Span(f"\n{visible(line.strategy, 30)} {figure}{change} {verdict}".rstrip()))
    return spans + _rest(len(facts.scores) - _STRATEGIES)


def alerts_part(facts: DigestFacts) -> list[Span]:
    """Alerts of the last day by cause, and what stands."""
    spans = [Span("\n\n"), _title("Alerts of the last day")]
    causes = [f"{visible(cause, 40)} {count}" for cause, count in facts.raised.items()]
    rest = f" and {len(causes) - _CAUSES} more causes" if len(causes) > _CAUSES else ""
    spans.append(Span(f"\n{', '.join(causes[:_CAUSES])}{rest}" if causes else "\nNone."))
    for trouble in facts.standing[:_STANDING]:
        alert = trouble.alert
        text = f"{visible(alert.cause, 40)}, {visible(alert.where, 80)}"
        spans.append(Span(f"\nStands since {trouble.opened_at:%m-%d %H:%M}: {text} [{alert.id}]"))
    spans += _rest(len(facts.standing) - _STANDING)
    if facts.muted:
        spans.append(Span(f"\nMuted: {visible(', '.join(facts.muted), 200)}"))
    return spans


def machine_part(facts: DigestFacts) -> list[Span]:
    """The disk, the backups, and what else there is."""
    spans = [Span("\n\n"), _title("Machine")]
    if facts.disk:
        share = facts.free / facts.disk
        free, used = facts.free / _GIGABYTE, facts.used / _GIGABYTE
        spans.append(Span(f"\nDisk: {free:.1f} GB free ({share:.0%}); this home takes {used:.2f} GB."))
    return spans + [Span(f"\n{visible(text, 300)}") for text in facts.more]


def _rest(count: int) -> list[Span]:
    return [Span(f"\nand {count} more")] if count > 0 else []
