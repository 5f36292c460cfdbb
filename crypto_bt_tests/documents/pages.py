"""The project's pages, and the parts of them that are generated."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
MEND: Final = "make docs"
_BEGIN: Final = "<!-- generated: {name} (by {mend}; do not edit) -->"
_END: Final = "<!-- end of {name} -->"


def pages() -> list[Path]:
    """Every Markdown page of the repository, sorted."""
    folders = [ROOT / folder for folder in ("docs", "deploy", "benchmarks")]
    inner = [path for folder in folders for path in folder.rglob("*.md")]
    return sorted([*ROOT.glob("*.md"), ROOT / "data" / "README.md", *inner])


def named(path: Path) -> str:
    """A page as a person names it: relative to the root."""
    return str(path.relative_to(ROOT))


def marks(name: str) -> tuple[str, str]:
    """The lines before and after the generated part ``name``."""
    return _BEGIN.format(name=name, mend=MEND), _END.format(name=name)


def part_of(page: Path, name: str) -> str | None:
    """The generated part ``name`` as it stands on ``page``; None if the page has no such part."""
    begin, end = map(re.escape, marks(name))
    found = re.search(f"{begin}\n(.*?)\n{end}", page.read_text(), flags=re.DOTALL)
    return found[1] if found else None


def write_part(page: Path, name: str, text: str) -> bool:
    """Put ``text`` between the marks of ``name``; whether the page changed. The marks must be there."""
    begin, end = marks(name)
    before = page.read_text()
    if begin not in before or end not in before:
        raise LookupError(f"{named(page)} lacks the lines {begin} and {end}")
    head, rest = before.split(begin, 1)
    after = f"{head}{begin}\n{text}\n{end}{rest.split(end, 1)[1]}"
    if after != before:
        page.write_text(after)
    return after != before


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
