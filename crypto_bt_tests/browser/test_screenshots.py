"""The README's pictures: small, of one size, and each one shown."""

import re
import struct
from pathlib import Path

import pytest

from crypto_bt_tests.browser.chromium import HEIGHT, WIDTH
from crypto_bt_tests.browser.screenshots import IMAGES, LARGEST
from crypto_bt_tests.documents.pages import ROOT

PICTURES = sorted(IMAGES.iterdir())


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_picture_is_small_and_has_the_size_of_the_window(picture: Path) -> None:
    content = picture.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert struct.unpack(">II", content[16:24]) == (WIDTH, HEIGHT)
    assert len(content) < LARGEST


def test_every_picture_is_shown_in_the_readme() -> None:
    shown = re.findall(r"!\[[^\]]+\]\(docs/images/([^)]+)\)", (ROOT / "README.md").read_text())
    assert sorted(shown) == [picture.name for picture in PICTURES]
