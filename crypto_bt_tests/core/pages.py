"""The table of causes in the documentation, read back."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ROW = re.compile(r'^\| <a id="(\w+)"></a>`(\w+)` \| (\w+) \| (.+?) \|$', re.MULTILINE)


def page_of(name: str) -> dict[str, tuple[str, str]]:
    """Severity and meaning of each cause in the page ``name``."""
    text = (ROOT / name).read_text()
    rows = _ROW.findall(text)
    assert all(anchor == cause for anchor, cause, _, _ in rows)
    return {cause: (severity, about) for _, cause, severity, about in rows}
