"""The documents are true: generated parts are current, commands and links exist, nothing is left out."""

from pathlib import Path

import pytest

from crypto_bt_tests.documents.generated import PARTS
from crypto_bt_tests.documents.pages import MEND, named, part_of


@pytest.mark.parametrize(("page", "name"), PARTS, ids=lambda value: getattr(value, "name", value))
def test_generated_part_is_current(page: Path, name: str) -> None:
    assert part_of(page, name) == PARTS[page, name](), f"{named(page)}: {name} is out of date. Run: {MEND}"
