"""Whatever befalls a trouble: who was told of it is told of its end, once, and never told less after more."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from crypto_bt.alerts import Outbox
from crypto_bt.alerts.history import History
from crypto_bt.core.alert_routing import Policy
from crypto_bt.core.alert_troubles import Kind
from crypto_bt.core.alerts import AlertSeverity
from crypto_bt_tests.alerts.samples import MINUTE, NOON, alert

INFO, WARNING, CRITICAL = AlertSeverity.INFO, AlertSeverity.WARNING, AlertSeverity.CRITICAL
QUIET = ((NOON + 40 * MINUTE).time(), (NOON + 70 * MINUTE).time())
#: What is told of a trouble: how bad it is, or that it is over (None).
Told = AlertSeverity | None


@dataclass
class Channels:
    """A messenger and a log on one outbox, a clock, and all that each has been told of the one trouble."""

    outbox: Outbox
    now: datetime = NOON
    told: dict[str, list[Told]] = field(default_factory=lambda: {"telegram": [], "log": []})

    @property
    def history(self) -> History:
        """The outbox's."""
        return History(self.outbox.database, self.outbox.policies)

    def report(self, severity: AlertSeverity, *, news: bool = False, resolved: bool = False) -> None:
        """The trouble is reported."""
        self.outbox.report(alert(severity=severity, news=news, resolved=resolved), self.now)

    def deliver(self, *, fails: bool = False) -> None:
        """Everything that is due is sent, or nothing as the first does not arrive."""
        for channel, told in self.told.items():
            while leased := self.outbox.lease(channel, self.now, at_most=1):
                if fails:
                    self.outbox.failed(leased[0].number, "down", self.now)
                    break
                for word in leased[0].batch.words:
                    told.append(None if word.kind is Kind.RESOLVED else word.alert.severity)
                self.outbox.delivered(leased[0].number, "", self.now)

    def do(self, step: str) -> None:
        """One of :data:`STEPS`."""
        match step.split():
            case ["over"]:
                self.report(WARNING, resolved=True)
            case ["deliver"]:
                self.deliver()
            case ["fail"]:
                self.deliver(fails=True)
            case ["mute"]:
                self.history.mute("coverage", self.now + 10 * MINUTE)
            case ["taken"]:
                # By a sender that dies before it says what became of it.
                self.outbox.lease("telegram", self.now, at_most=1)
            case ["wait", minutes]:
                self.now += int(minutes) * MINUTE
            case [severity, *news]:
                self.report(AlertSeverity(severity), news=bool(news))


STEPS = (
    *("warning", "critical", "over", "deliver", "wait 1", "wait 6", "wait 31"),
    *("info", "warning news", "fail", "mute", "taken"),
)


def check_order(told: Sequence[Told]) -> Told:
    """Each end follows a beginning, and nothing less follows what was told; what was told last."""
    last: Told = None
    for word in told:
        if word is None:
            assert last is not None, f"an end of nothing: {told}"
        else:
            assert last is None or last.at_most(word) is last, f"less after more: {told}"
        last = word
    return last


@given(st.lists(st.sampled_from(STEPS), max_size=14))
@example(
    ["warning", "deliver", "over", "wait 6", "deliver", "warning", "wait 6", "critical", "deliver", "over"]
)
@example(
    ["warning", "deliver", "over", "wait 6", "deliver", "warning", "wait 6", "critical", "deliver", "wait 31"]
)
@example(["warning", "deliver", "over", "wait 6", "deliver", "warning", "warning news", "wait 6", "over"])
@example(["warning", "deliver", "mute", "critical", "deliver", "over"])
@example(["warning", "deliver", "over", "critical", "deliver", "wait 6"])
@example(["warning", "taken", "critical", "deliver", "wait 6"])
@example(["critical", "deliver", "over", "critical", "over", "deliver"])
@example(["warning", "over", "mute", "deliver"])
@settings(max_examples=30, deadline=None)
def test_told_of_any_history_ends_with_what_is_true_and_says_nothing_less_on_the_way(
    steps: list[str],
) -> None:
    with tempfile.TemporaryDirectory() as root:
        policies = {"telegram": Policy(quiet=QUIET), "log": Policy().direct}
        channels = Channels(Outbox(Path(root) / "outbox.db", policies))
        for step in steps:
            channels.do(step)
        for _ in range(4):
            channels.now += timedelta(minutes=31)
            channels.deliver()
        standing = [trouble.alert.severity for trouble in channels.history.standing()]
        for channel, told in channels.told.items():
            last = check_order(told)
            shown: list[Told] = [one for one in standing if one is not INFO or channel == "log"]
            assert [last] == (shown or [None]), (channel, told)
