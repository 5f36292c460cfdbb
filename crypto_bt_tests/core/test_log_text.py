"""No secret and nothing that a terminal obeys is left of any text."""

import json
import unicodedata
from urllib.parse import quote, unquote

from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.log_text import HIDDEN, escaped, hide, presentable

TOKEN = "123456:AA-b/c+d_e f"


@given(st.text())
def test_escaped_obeys_nothing_and_keeps_what_can_be_read(text: str) -> None:
    written = escaped(text)
    assert not [c for c in written if unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\n"]
    assert escaped(written) == written
    if text.isprintable():
        assert written == text


def test_escaped_writes_out_what_would_hide_or_turn_text() -> None:
    assert escaped("a\x1b[2Jb\r\u202ec\x9b") == "a\\x1b[2Jb\\x0d\\u202ec\\x9b"
    assert escaped("two\nlines\tand a tab") == "two\nlines\tand a tab"


@given(before=st.text(), after=st.text())
def test_hide_leaves_no_secret_in_any_form(before: str, after: str) -> None:
    text = f"{before}{TOKEN}{after}{quote(TOKEN, '')}"
    hidden = hide(text, [TOKEN])
    assert TOKEN not in hidden
    assert TOKEN not in unquote(hidden)
    assert hidden.count(HIDDEN) >= 2


def test_hide_of_what_is_too_short_to_be_a_secret_changes_nothing() -> None:
    assert hide("all is well", ["", "a", "ll"]) == "all is well"


def test_presentable_reaches_keys_and_depths_and_is_json() -> None:
    seen = presentable({TOKEN: [{"deep": (TOKEN, 1.5, None, b"x")}], "error": ValueError(TOKEN)}, [TOKEN])
    assert "123456" not in json.dumps(seen)
    assert seen == {HIDDEN: [{"deep": [HIDDEN, 1.5, None, "b'x'"]}], "error": HIDDEN}
