"""The quick start can be followed: its commands are taken from the page and run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crypto_bt.cli import app
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
    root = tmp_path_factory.mktemp("home")
    with served_home(root, ["BTCUSDT"], NOW, STRATEGIES="ema_cross") as served:
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


def test_own_strategy_is_written_shown_and_tried(home: ServedHome, tmp_path: Path) -> None:
    """In a copy of the project, because the first command writes into it."""
    shutil.copytree(ROOT / "crypto_bt", tmp_path / "crypto_bt")
    assert [words[:2] for words in OWN] == [
        ("strategy", "new"),
        ("strategy", "show"),
        ("backtest", "--strategy"),
    ]
    environment = {name: value for name, value in os.environ.items() if name not in Settings.model_fields}
    for words in OWN:
        done = subprocess.run(
            [sys.executable, "-m", "crypto_bt", *words],
            cwd=tmp_path, env={**environment, "CRYPTO_BT_HOME": str(home.root)},
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode in (0, 3), f"{words}: {done.stdout}\n{done.stderr}"
        assert "my_idea" in done.stdout
    assert (tmp_path / "crypto_bt" / "strategies" / "my_idea.py").exists()
    assert not (ROOT / "crypto_bt" / "strategies" / "my_idea.py").exists()
