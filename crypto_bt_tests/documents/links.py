"""Links between pages: each leads to a file that is there and to a heading that it has."""

import re
from pathlib import Path
from typing import Final

from crypto_bt_tests.documents.pages import ROOT, named

_LINK: Final = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE: Final = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_HEADING: Final = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


def links_of(page: Path) -> list[str]:
    """Every link target on ``page`` that is not on another host."""
    found: list[str] = _LINK.findall(_CODE.sub("", page.read_text()))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def broken_links(page: Path) -> list[str]:
    """One sentence for each link of ``page`` that leads nowhere."""
    found = []
    for target in links_of(page):
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        if not path.exists() or ROOT not in (path, *path.parents):
            found.append(f"{named(page)} links to {target}, and there is no such file")
        elif anchor and path.suffix == ".md" and anchor not in anchors_of(path):
            found.append(f"{named(page)} links to {target}, and {named(path)} has no such heading")
    return found


def anchors_of(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of ``page``."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    seen: dict[str, int] = {}
    found = set()
    for heading in _HEADING.findall(text):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        times = seen.get(anchor, 0)
        seen[anchor] = times + 1
        found.add(f"{anchor}-{times}" if times else anchor)
    return found


def reachable(start: Path) -> set[Path]:
    """Every page that one comes to by links from ``start``."""
    found, waiting = set(), [start.resolve()]
    while waiting:
        page = waiting.pop()
        if page in found:
            continue
        found.add(page)
        paths = [(page.parent / link.partition("#")[0]).resolve() for link in links_of(page)]
        paths = [path / "README.md" if path.is_dir() else path for path in paths]
        waiting += [path for path in paths if path.suffix == ".md" and path.is_file()]
    return found
