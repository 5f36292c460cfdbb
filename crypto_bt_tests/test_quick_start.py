"""The quick start can be followed: its commands are taken from the page and run."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crypto_bt.cli import app
from crypto_bt.runtime.home import Home
from crypto_bt.settings import Settings
from crypto_bt_tests.commands.invoking import ServedHome, served_home
from crypto_bt_tests.documents.blocks import lines_of
from crypto_bt_tests.documents.pages import DOCS, ROOT

NOW = datetime(2026, 1, 20, 12, 7, tzinfo=UTC)
LINES = [line.words for line in lines_of(DOCS / "quick-start.md") if line.whole]
#: What serves until it is stopped, and make, are run by tests of their own.
FOLLOWED = [words[1:] for words in LINES if words[0] == "crypto-bt" and words[1] != "up"]
OWN = [words for words in FOLLOWED if "my_idea" in words]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHome]:
    """A home with its data, since each test may be the first one that a process runs."""
    root = tmp_path_factory.mktemp("home")
    with served_home(root, ["BTCUSDT"], NOW, STRATEGIES="ema_cross") as served:
        served.call("data", "backfill", "--start", "2026-01-01")
        yield served


def test_quick_start_can_be_followed(home: ServedHome) -> None:
    """Reports are of the demo's night on the page, so they come last here, where there is no demo."""
    rest = [words for words in FOLLOWED if words not in OWN]
    assert len(rest) >= 6
    for words in sorted(rest, key=lambda words: words[0] == "report"):
        given = [str(home.root) if word == "data/demo" else word for word in words]
        result = CliRunner().invoke(app, given, env={"CRYPTO_BT_HOME": str(home.root)})
        assert result.exit_code in (0, 3), f"{words}: {result.output}\n{result.exception!r}"
    assert (home.root / "results" / "reports" / "2026-01-19" / "ema_cross.html").exists()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, for what writes into it."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "crypto_bt", folder / "crypto_bt")
    return folder


def run_in(clone: Path, home: ServedHome, *words: str) -> str:
    """What a command prints that is typed in the root of ``clone``."""
    environment = {name: value for name, value in os.environ.items() if name not in Settings.model_fields}
    done = subprocess.run(
        [sys.executable, "-m", "crypto_bt", *words],
        cwd=clone, env={**environment, "CRYPTO_BT_HOME": str(home.root)},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode in (0, 3), f"{words}: {done.stdout}\n{done.stderr}"
    return done.stdout


def test_own_strategy_is_written_shown_and_tried(home: ServedHome, clone: Path) -> None:
    assert [words[:2] for words in OWN] == [
        ("strategy", "new"),
        ("strategy", "show"),
        ("backtest", "--strategy"),
    ]
    assert all("my_idea" in run_in(clone, home, *words) for words in OWN)
    assert (clone / "crypto_bt" / "strategies" / "my_idea.py").exists()
    assert not (ROOT / "crypto_bt" / "strategies" / "my_idea.py").exists()


def test_strategy_of_the_readme_is_on_the_scorecard_after_one_command(home: ServedHome, clone: Path) -> None:
    text = (ROOT / "README.md").read_text().split("## A strategy is a file")[1]
    [name] = re.findall(r"`crypto_bt/strategies/(\w+)\.py`", text)
    code = text.split("```python\n")[1].split("```")[0]
    (clone / "crypto_bt" / "strategies" / f"{name}.py").write_text(code)
    listed = json.loads(run_in(clone, home, "strategy", "list", "--json"))
    assert name in {row["name"] for row in listed["strategies"]}
    Home(home.root).prepare("", {"STRATEGIES": f"ema_cross,{name}"})
    night = json.loads(run_in(clone, home, "backtest", "--json"))
    assert name in {row["strategy"] for row in night["backtests"]}
    assert name in Path(night["report"]).read_text()
