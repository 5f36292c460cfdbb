"""Text for Telegram: whatever arrives is shown as it is, within the length that is allowed.

Telegram counts in UTF-16 units. What is escaped is counted as it is sent, so that no way of counting
finds a message too long.
"""

import html
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

#: Most UTF-16 units of a message, and of the words below a picture.
MESSAGE_LIMIT: Final = 4096
CAPTION_LIMIT: Final = 1024
ELLIPSIS: Final = "…"
_PICTURES: Final = 0x2400  # the signs that Unicode has for control characters
_DELETE: Final = 0x7F
#: Characters that show nothing, or change how others show: controls, formats, surrogates, private ones.
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_MOST_MARKS: Final = 4  # marks on one letter that are still shown


@dataclass(frozen=True, slots=True)
class Span:
    """Plain ``text`` in one style: ``b``, ``i``, ``code`` or none; with ``link`` it leads there."""

    text: str
    style: str = ""
    link: str = ""

    @property
    def html(self) -> str:
        """As Telegram's HTML."""
        inner = html.escape(self.text, quote=False)
        if self.link:
            return f'<a href="{html.escape(self.link)}">{inner}</a>'
        return f"<{self.style}>{inner}</{self.style}>" if self.style and inner else inner


def as_html(spans: Iterable[Span]) -> str:
    """The spans as Telegram's HTML."""
    return "".join(span.html for span in spans)


def as_plain(spans: Iterable[Span]) -> str:
    """The same without any markup; where a link leads follows its words."""
    return "".join(f"{span.text} {span.link}" if span.link else span.text for span in spans)


def units(text: str) -> int:
    """UTF-16 units of ``text``, as Telegram counts."""
    return len(text) + sum(character > "\uffff" for character in text)


def size(spans: Sequence[Span]) -> int:
    """UTF-16 units of the spans in the longer of their two forms."""
    return max(units(as_html(spans)), units(as_plain(spans)))


def visible(text: str, most: int) -> str:
    """``text`` with nothing hidden in it, in at most ``most`` units of escaped text.

    A line break stays one; a tab becomes a blank; any other control character becomes its picture, a
    format or bidi character its number, as in ⟨202E⟩; half a surrogate pair becomes U+FFFD. What does not
    fit is cut off and ends in an ellipsis.
    """
    shown: list[str] = []
    taken, marks, lines = 0, 0, _lines(text)
    for place, character in enumerate(lines):
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > _MOST_MARKS:
            continue
        piece = _shown(character)
        cost = units(html.escape(piece, quote=False))
        if taken + cost > most - (place + 1 < len(lines)):
            # No room for this one beside the ellipsis.
            return "".join(shown).rstrip() + ELLIPSIS if most > 0 else ""
        shown.append(piece)
        taken += cost
    return "".join(shown).strip()


def _lines(text: str) -> str:
    for separator in ("\r\n", "\r", "\v", "\f", "\x85", "\u2028", "\u2029"):
        text = text.replace(separator, "\n")
    return text.replace("\t", " ").strip()


def _shown(character: str) -> str:
    if character == "\n" or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    if code < 0x20:
        return chr(_PICTURES + code)
    if code == _DELETE:
        return "\u2421"
    return "\ufffd" if 0xD800 <= code <= 0xDFFF else f"⟨{code:04X}⟩"
