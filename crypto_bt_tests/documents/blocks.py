"""The commands that a page tells to run, and whether they could be run."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from crypto_bt_tests.documents.pages import ROOT, named
from crypto_bt_tests.house.test_command_help import COMMANDS

_FENCE: Final = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INDENTED: Final = re.compile(r"^(?:    [^\n]*\n)+", re.MULTILINE)
_SPAN: Final = re.compile(r"`((?:\.venv/bin/)?(?:crypto-bt|make) [^`\n]+)`")
_SHELLS: Final = {"", "sh", "bash", "shell", "console"}
#: A part of a command line that begins another program's.
_NEXT: Final = {"&&", "||", "|", ";", ">", ">>", "2>", "<"}


@dataclass(frozen=True, slots=True)
class Line:
    """A command on a page, by words; ``whole`` unless it is a mention in running text."""

    page: str
    words: tuple[str, ...]
    whole: bool = True

    @property
    def text(self) -> str:
        """The command as one line."""
        return " ".join(self.words)


def lines_of(page: Path) -> list[Line]:
    """Every command of ours, and every make target, that ``page`` names in code."""
    text = page.read_text() + "\n"
    found = []
    for language, block in _FENCE.findall(text):
        if language in _SHELLS:
            found += [Line(named(page), words) for words in _commands(block)]
    rest = _FENCE.sub("", text)
    for block in _INDENTED.findall(rest):
        found += [Line(named(page), words) for words in _commands(block)]
    for span in _SPAN.findall(_INDENTED.sub("", rest)):
        for each in _alternatives(span):
            found += [Line(named(page), words, whole=False) for words in _commands(each)]
    return found


def wrong_with(line: Line) -> str | None:
    """Why ``line`` could not be run; None if it could."""
    program, *words = line.words
    if program == "make":
        targets = [word for word in words if "=" not in word and not word.startswith("-")]
        missing = [target for target in targets if target not in make_targets()]
        return f"make has no target {', '.join(missing)}" if missing else None
    if words[0].startswith("-") or words[0] == "COMMAND":
        return None
    name = next((" ".join(words[:n]) for n in (3, 2, 1) if " ".join(words[:n]) in COMMANDS), None)
    if name is None:
        group = " ".join(words)
        inside = any(known.startswith(f"{group} ") for known in COMMANDS)
        return None if inside and not line.whole else f"there is no command crypto-bt {group}"
    command, given = COMMANDS[name], words[len(name.split()) :]
    return _unknown_option(command, name, given) or (_misfit(command, name, given) if line.whole else None)


def make_targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))


def _unknown_option(command: Any, name: str, given: list[str]) -> str | None:
    options = [option for param in command.params for option in (*param.opts, *param.secondary_opts)]
    known = {*options, "--help"}
    unknown = [word for word in given if word.startswith("--") and word.partition("=")[0] not in known]
    return f"crypto-bt {name} has no option {', '.join(unknown)}" if unknown else None


def _misfit(command: Any, name: str, given: list[str]) -> str | None:
    if "--help" in given:
        return None
    try:
        command.make_context(name, list(given), resilient_parsing=False)
    except Exception as error:  # noqa: BLE001 whatever the parser says is the finding
        said = getattr(error, "message", str(error))
        if "does not exist" in said:
            return None
        return f"crypto-bt {name} cannot take {' '.join(given)!r}: {said}"
    return None


def _alternatives(span: str) -> list[str]:
    """``crypto-bt x list|show`` and ``crypto-bt list, show`` stand for several commands."""
    head, *rest = span.split(", ")
    if rest:
        return [head, *(f"crypto-bt {each}" for each in rest)]
    words = span.split(" ")
    place = next((number for number, word in enumerate(words) if "|" in word), None)
    if place is None:
        return [span]
    return [" ".join([*words[:place], each, *words[place + 1 :]]) for each in words[place].split("|")]


def _commands(block: str) -> Iterator[tuple[str, ...]]:
    for line in block.replace("\\\n", " ").splitlines():
        text = line.strip().removeprefix("$ ")
        try:
            words = shlex.split(text, comments=True)
        except ValueError:
            continue
        one: list[str] = []
        for word in [*words, "&&"]:
            if word in _NEXT:
                if _ours(one):
                    yield ("crypto-bt" if one[0].endswith("crypto-bt") else one[0], *one[1:])
                one = []
            else:
                one.append(word)


def _ours(words: list[str]) -> bool:
    return bool(words) and words[0] in ("make", "crypto-bt", ".venv/bin/crypto-bt") and len(words) > 1
