"""What Telegram makes of a message's HTML: its plain text, or the refusal that the real one gives."""

import html
import re
from typing import Final

_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)((?:\s+[^<>]*)?)>")
_KNOWN: Final = frozenset(
    {"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "a", "blockquote"}
)
_HREF: Final = re.compile(r'\s+href="([^"<>]*)"')
TEXT_LIMIT: Final = 4096
CAPTION_LIMIT: Final = 1024


class Unparsable(Exception):
    """The markup that Telegram refuses, in its own words."""


def plain_text(markup: str) -> str:
    """``markup`` without its tags and entities; raises :class:`Unparsable` as Telegram refuses it."""
    parts: list[str] = []
    opened: list[str] = []
    place = 0
    while place < len(markup):
        if markup[place] != "<":
            end = markup.find("<", place)
            end = len(markup) if end < 0 else end
            parts.append(html.unescape(markup[place:end]))
            place = end
            continue
        offset = len(markup[:place].encode("utf-8", "surrogatepass"))
        tag = _TAG.match(markup, place)
        if tag is None:
            raise Unparsable(f'Unsupported start tag "" at byte offset {offset}')
        closing, name, attributes = tag.groups()
        if name not in _KNOWN:
            raise Unparsable(f'Unsupported start tag "{name}" at byte offset {offset}')
        if closing:
            if not opened or opened[-1] != name:
                raise Unparsable(f"Unmatched end tag at byte offset {offset}")
            opened.pop()
        else:
            if attributes.strip() and (name != "a" or not _HREF.fullmatch(attributes)):
                raise Unparsable(f"Unexpected attribute at byte offset {offset}")
            opened.append(name)
        place = tag.end()
    if opened:
        raise Unparsable(f'Can\'t find end tag corresponding to start tag "{opened[-1]}"')
    return "".join(parts)


def utf16_units(text: str) -> int:
    """The length of ``text`` as Telegram counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
