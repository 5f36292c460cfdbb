"""The sensor telegram_commands: answers what is asked in the allowed chats; there only if switched on."""

from collections.abc import Callable
from typing import Final

import dagster as dg

from crypto_bt.alerts import telegram_channel
from crypto_bt.alerts.telegram_inbox import Question, answer, questions
from crypto_bt.core.chat_commands import command_in
from crypto_bt.core.digest import DigestFacts
from crypto_bt.core.rich_text import as_html, as_plain
from crypto_bt.defs.digest_facts import gather_digest
from crypto_bt.defs.resources import Desk

NAME: Final = "telegram_commands"
LOOK_SECONDS: Final = 15
#: Answers in one tick: a flood of questions must not keep the sensor busy.
ANSWERS: Final = 5
ABOUT: Final = (
    "Every 15 seconds: answers /status, /score, /data and /help, in the chats of TELEGRAM_ALLOWED_CHAT_IDS "
    "alone. It only reads."
)


def build_chat_sensor(*, running: bool) -> dg.SensorDefinition:
    """The sensor; off in a home whose clock stands still."""

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=LOOK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description=ABOUT,
    )
    def tick(context: dg.SensorEvaluationContext, desk: dg.ResourceParam[Desk]) -> dg.SensorResult:
        after = int(context.cursor) if context.cursor and context.cursor.isdecimal() else 0
        said, last = answer_questions(desk, after)
        return dg.SensorResult(skip_reason=said, cursor=str(last))

    return tick


def answer_questions(desk: Desk, after: int) -> tuple[str, int]:
    """Answer what was written since the update ``after``; what was done, and the last update."""
    channel = telegram_channel(desk.settings.alert_wiring)
    if channel is None:
        return desk.settings.alert_wiring.missing, after
    written = questions(channel, after)
    asked = [question for question in written if allowed(question, desk)]
    facts = _once(lambda: gather_digest(desk, desk.clock()))
    for question in asked[:ANSWERS]:
        command = command_in(question.text)
        if command is not None:
            spans = command.answer(facts())
            answer(channel, question, as_html(spans).strip(), as_plain(spans).strip())
    last = max((question.number for question in written), default=after)
    return f"{len(asked[:ANSWERS])} questions answered, {len(written) - len(asked)} ignored.", last


def allowed(question: Question, desk: Desk) -> bool:
    """Whether ``question`` is a command from a chat that may ask."""
    settings = desk.settings
    return question.chat in settings.TELEGRAM_ALLOWED_CHAT_IDS and command_in(question.text) is not None


def _once(make: Callable[[], DigestFacts]) -> Callable[[], DigestFacts]:
    """Gather what answers need when the first one needs it, and only then."""
    made: list[DigestFacts] = []

    def get() -> DigestFacts:
        if not made:
            made.append(make())
        return made[0]

    return get
