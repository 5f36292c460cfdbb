"""The five lines of the README, and what they say when there is nothing to load."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

import crypto_bt
from crypto_bt.commands.homes import prepare_home
from crypto_bt.core.errors import UsageError
from crypto_bt.store import SnapshotStore
from crypto_bt_tests.backtest.markets import candles, random_bars

README = Path(__file__).resolve().parents[1] / "README.md"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = prepare_home(tmp_path / "home", {})
    rng = random.Random(5)
    bars = candles({symbol: random_bars(rng, 600) for symbol in ("AAAUSDT", "BBBUSDT")})
    now = datetime(2025, 6, 1, tzinfo=UTC)
    store = SnapshotStore(made.store)
    store.publish({"candles_4h": bars}, source="simulated:seed=5", published_by="test", now=now)
    return made.root


def test_the_five_lines_of_the_readme_give_metrics(home: Path) -> None:
    text = README.read_text().split("## In a notebook")[1]
    code = text.split("```python\n")[1].split("```")[0]
    assert len([line for line in code.splitlines() if line]) == 5
    found: dict[str, object] = {}
    exec(code.replace("data/demo", str(home)), found)
    metrics = found["result"].metrics  # type: ignore[attr-defined]
    assert metrics["symbol"].to_list() == ["ALL", "AAAUSDT", "BBBUSDT"]
    assert metrics["trades"][0] > 0


def test_load_candles_takes_symbols_and_a_span(home: Path) -> None:
    start, end = datetime(2025, 1, 10, tzinfo=UTC), datetime(2025, 1, 12, tzinfo=UTC)
    rows = crypto_bt.load_candles("4h", ["BBBUSDT"], start, end, home)
    assert rows["symbol"].unique().to_list() == ["BBBUSDT"]
    assert (rows["open_time"].min(), rows.height) == (start, 12)


def test_load_candles_of_an_empty_home_names_the_command(tmp_path: Path) -> None:
    prepare_home(tmp_path / "home", {})
    with pytest.raises(UsageError, match="crypto-bt data backfill"):
        crypto_bt.load_candles("4h", home=tmp_path / "home")


def test_load_candles_of_no_home_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="crypto-bt init"):
        crypto_bt.load_candles("4h", home=tmp_path / "nowhere")


def test_load_candles_of_another_timeframe_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match="15m, 1h, 4h, 1d"):
        crypto_bt.load_candles("2h")
