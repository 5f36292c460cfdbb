"""What the pages say of strategies is so: the table, the examples, the numbers."""

import re

import polars as pl
import pytest

from crypto_bt import strategies
from crypto_bt.strategies import strategy_classes
from crypto_bt.strategies.kinds.onnx_policy import _BATCH
from crypto_bt_tests.documents.pages import DOCS, ROOT

PAGE = (DOCS / "strategies.md").read_text()
TABLE, _, HOW_TO = PAGE.partition("## Your own")
ROWS = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|", TABLE, flags=re.MULTILINE))
BASES = re.findall(r"^\| `@?(\w+)[`(]", HOW_TO.split("### How to write one")[1], flags=re.MULTILINE)


def test_page_lists_every_strategy_with_what_it_needs() -> None:
    classes = strategy_classes()
    assert set(ROWS) == set(classes), "write a line for it into the table of docs/strategies.md"
    for name, needs in ROWS.items():
        wanted = classes[name]().needs
        said = re.findall(r"`(\w+)`", needs)
        assert said == list(wanted) or (not said and (needs.strip() == "-") is (not wanted)), name


def test_page_names_bases_that_can_be_imported() -> None:
    assert len(BASES) >= 5
    assert [base for base in BASES if base not in strategies.__all__] == []


def test_page_counts_grids_and_windows_rightly() -> None:
    for name, cls in strategy_classes().items():
        if name != "buy_and_hold":
            assert (len(cls.grid()), len(cls.exit_grid())) == (10, 10), name
    assert f"always called with {_BATCH} windows" in PAGE


def test_example_of_a_function_decides_as_the_page_says() -> None:
    found: dict[str, object] = {}
    exec(PAGE.split("```python\n")[1].split("```")[0], found)
    policy = found["desk_policy"]
    assert isinstance(policy, type)
    decide = policy().decide
    frame = pl.DataFrame({"close": [1.0, 2.0, 3.0], "funding_rate": [0.0, 0.0, 0.0]})
    dear = frame.with_columns(funding_rate=pl.lit(0.001))
    assert (decide(frame), decide(frame.reverse()), decide(dear)) == (1.0, -1.0, 0.0)


@pytest.mark.parametrize("most", [15])
def test_readme_s_strategy_is_short(most: int) -> None:
    text = (ROOT / "README.md").read_text().split("## A strategy is a file")[1]
    code = text.split("```python\n")[1].split("```")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= most
