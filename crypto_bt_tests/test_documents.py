"""The documents are true: generated parts are current, commands and links exist, nothing is left out."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crypto_bt.cli import app
from crypto_bt.runtime.home import Home
from crypto_bt.settings import FOREIGN_KEYS, Settings, render_example
from crypto_bt_tests.documents import pipeline
from crypto_bt_tests.documents.blocks import Line, lines_of, make_targets, wrong_with
from crypto_bt_tests.documents.generated import PARTS
from crypto_bt_tests.documents.links import broken_links, reachable
from crypto_bt_tests.documents.pages import DOCS, MEND, ROOT, named, pages, part_of
from crypto_bt_tests.house.test_command_help import COMMANDS

PAGES = pages()
LINES = [line for page in PAGES for line in lines_of(page)]
#: What only reads and needs no data, so that it can be run as it stands on any home.
HARMLESS = (
    "alerts list",
    "backup list",
    "data dictionary",
    "data list",
    "data quarantine list",
    "doctor",
    "status",
    "strategy list",
    "strategy show",
    "universe list",
)
#: A live view goes on until a person ends it.
ENDLESS = "--watch"
HARMLESS_LINES = sorted(
    {
        line.text
        for line in LINES
        if line.whole
        and ENDLESS not in line.text
        and line.text.removeprefix("crypto-bt ").startswith(HARMLESS)
        and "my_idea" not in line.text
    }
)
#: Words in capitals that are no settings: other programs', the exchange's, arguments of commands.
OTHERS = FOREIGN_KEYS | {
    "NO_COLOR", "LOT_SIZE", "MARKET_LOT_SIZE", "MIN_NOTIONAL", "PRICE_FILTER", "OPEN_TIME",
}  # fmt: skip


@pytest.mark.parametrize(("page", "name"), PARTS, ids=lambda value: getattr(value, "name", value))
def test_generated_part_is_current(page: Path, name: str) -> None:
    assert part_of(page, name) == PARTS[page, name](), f"{named(page)}: {name} is out of date. Run: {MEND}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_on_the_page_could_be_run(page: Path) -> None:
    wrong = {line.text: why for line in lines_of(page) if (why := wrong_with(line))}
    assert wrong == {}, f"correct these in {named(page)}; docs/commands.md has them all"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("status --home x --json", None),
        ("stat", "no command"),
        ("status --jsn", "no option --jsn"),
        ("restore --hours 48", "no option --hours"),
        ("rollback --hours many", "cannot take"),
        ("strategy new", "cannot take"),
    ],
)
def test_a_command_that_could_not_be_run_is_found(words: str, why: str | None) -> None:
    found = wrong_with(Line("page", ("crypto-bt", *words.split())))
    assert found is None if why is None else why in (found or "")


def test_a_make_target_that_is_not_there_is_found() -> None:
    assert wrong_with(Line("page", ("make", "demo", "ARGS=--symbols"))) is None
    assert wrong_with(Line("page", ("make", "everything"))) == "make has no target everything"


@pytest.fixture(scope="module")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("empty")
    Home(root).prepare(render_example(), {})
    return root


@pytest.mark.parametrize("text", HARMLESS_LINES)
def test_harmless_command_of_a_page_runs(text: str, empty_home: Path) -> None:
    """Also on a home that has nothing yet, where a command at most says that something is missing."""
    words = re.sub(r" --home \S+", "", text).split()[1:]
    result = CliRunner().invoke(app, words, env={"CRYPTO_BT_HOME": str(empty_home)})
    assert result.exit_code in (0, 3), f"{text}: {result.output}\n{result.exception!r}"


def test_harmless_commands_are_many() -> None:
    assert len(HARMLESS_LINES) >= 12


def test_every_command_is_documented() -> None:
    text = (DOCS / "commands.md").read_text()
    assert [name for name in COMMANDS if f"### crypto-bt {name}\n" not in text] == [], f"run {MEND}"


def test_every_make_target_is_documented() -> None:
    text = "".join(page.read_text() for page in PAGES)
    missing = [target for target in make_targets() if f"make {target}" not in text]
    assert missing == [], "name these in CONTRIBUTING.md, under Commands"


def test_every_setting_is_documented() -> None:
    text = (DOCS / "settings.md").read_text()
    assert [name for name in Settings.model_fields if f"| `{name}` |" not in text] == [], f"run {MEND}"


def test_every_object_of_the_pipeline_is_documented() -> None:
    text = (DOCS / "pipeline.md").read_text()
    repository = pipeline.repository()
    names = [*pipeline.asset_names(), *(name for _, name in pipeline.check_names())]
    names += [each.name for each in (*repository.schedule_defs, *repository.sensor_defs)]
    assert [name for name in names if f"| `{name}` |" not in text] == [], f"run {MEND}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = DOCS / "runbook.md"
    assert broken_links(page) == []
    copied = tmp_path / "page.md"
    copied.write_text("[there](page.md#a-b) [not](gone.md) [nor](#c)\n\n# A: b\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("crypto_bt_tests.documents.links.ROOT", tmp_path)
        patch.setattr("crypto_bt_tests.documents.links.named", lambda path: path.name)
        found = broken_links(copied)
    assert found == [
        "page.md links to gone.md, and there is no such file",
        "page.md links to #c, and page.md has no such heading",
    ]


def test_every_page_is_found_from_the_readme() -> None:
    found = reachable(ROOT / "README.md")
    lost = [named(page) for page in PAGES if page not in found]
    assert lost == [], "link these from docs/README.md"


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=named)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    named_here = re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=[^`]*)?`", page.read_text())
    unknown = sorted(set(named_here) - set(Settings.model_fields) - OTHERS)
    assert unknown == [], f"{named(page)} names what is no setting; docs/settings.md has them all"


@pytest.mark.parametrize("name", [page.name for page in PAGES if page.parent.name == "pt"])
def test_portuguese_page_has_the_commands_of_the_english_one(name: str) -> None:
    """So that the tests that follow the English page follow both."""
    english, portuguese = (lines_of(page) for page in (DOCS / name, DOCS / "pt" / name))
    assert [line.words for line in portuguese if line.whole] == [line.words for line in english if line.whole]
    assert {line.words for line in portuguese} == {line.words for line in english}
    assert headings(DOCS / "pt" / name) == headings(DOCS / name)


def headings(page: Path) -> int:
    """How many parts a page has."""
    return len(re.findall(r"^## ", page.read_text(), flags=re.MULTILINE))


def test_every_page_for_the_desk_is_there_in_portuguese() -> None:
    assert {page.name for page in PAGES if page.parent.name == "pt"} == {"quick-start.md", "runbook.md"}


def test_every_cell_of_ours_in_the_comparison_is_linked() -> None:
    """A claim about crypto_bt leads to a test or a page; "no" needs none."""
    rows = [line for line in (DOCS / "comparison.md").read_text().splitlines() if line.startswith("| ")]
    ours = {row.split(" | ")[0][2:]: row.split(" | ")[-1] for row in rows}
    claims = {
        what: cell for what, cell in ours.items() if what and "**" not in cell and cell[:9] != "crypto_bt"
    }
    assert len(claims) >= 20
    assert [what for what, cell in claims.items() if "](" not in cell] == []
