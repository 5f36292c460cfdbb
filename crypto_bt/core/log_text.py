"""What may stand in a log: no secret, and no character that a terminal would obey."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final
from urllib.parse import quote, quote_plus

HIDDEN: Final = "(hidden)"
#: Shorter ones are no secrets, and would blot out half the text.
_SHORTEST: Final = 4
#: Controls but tab and line feed; line separators, and marks that turn the direction of writing.
_UNWRITABLE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def escaped(text: str) -> str:
    """``text`` with what a terminal would obey written out, such as ``\\x1b``."""
    return _UNWRITABLE.sub(lambda found: _written(ord(found.group())), text)


def hide(text: str, secrets: Collection[str]) -> str:
    """``text`` without any of ``secrets``, also as they stand in an address."""
    forms = {
        form
        for each in secrets
        if len(each) >= _SHORTEST
        for form in (each, quote(each, ""), quote_plus(each))
    }
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, HIDDEN)
    return text


def presentable(value: object, secrets: Collection[str]) -> object:
    """``value``, of whatever depth, with secrets hidden and all text escaped; what JSON has no word for
    becomes text."""
    if isinstance(value, bool | int | float) or value is None:
        return value
    if isinstance(value, Mapping):
        return {
            str(presentable(str(key), secrets)): presentable(item, secrets) for key, item in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [presentable(item, secrets) for item in value]
    return escaped(hide(str(value), secrets))


def _written(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
