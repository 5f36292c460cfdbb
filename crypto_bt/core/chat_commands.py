"""What may be asked in a chat, and what is answered: it only reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from crypto_bt.core.digest import DigestFacts, alerts_part, data_part, machine_part, night_part, title_part
from crypto_bt.core.rich_text import Span


@dataclass(frozen=True, slots=True)
class ChatCommand:
    """A command: what it is ``about``, and what it answers from the facts."""

    about: str
    answer: Callable[[DigestFacts], list[Span]]


def _status(facts: DigestFacts) -> list[Span]:
    return [*title_part(facts), *data_part(facts), *alerts_part(facts), *machine_part(facts)]


def _score(facts: DigestFacts) -> list[Span]:
    return night_part(facts)


def _data(facts: DigestFacts) -> list[Span]:
    return data_part(facts)


def _help(facts: DigestFacts) -> list[Span]:
    lines = [f"/{name}: {command.about}" for name, command in COMMANDS.items()]
    return [Span("\n".join(lines))]


COMMANDS: Final[dict[str, ChatCommand]] = {
    "status": ChatCommand("is all well: data, alerts, disk", _status),
    "score": ChatCommand("the last night's strategies", _score),
    "data": ChatCommand("age and coverage of every feed", _data),
    "help": ChatCommand("this list", _help),
}


def command_in(text: str) -> ChatCommand | None:
    """The command that ``text`` is, with or without the bot's name behind it; None for anything else."""
    words: Sequence[str] = text.split()
    name = words[0].partition("@")[0] if words else ""
    return COMMANDS.get(name.removeprefix("/")) if name.startswith("/") else None
