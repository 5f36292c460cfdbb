"""A small demo home with one day missing, and ``crypto-bt up`` on it."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from crypto_bt.core.holds import CATCH_UP, Hold
from crypto_bt.defs.execute import run_job
from crypto_bt.defs.partitions import symbol_range_tags
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.settings import load_settings
from crypto_bt.store.holds import place_hold
from crypto_bt_tests.command_line import run_json

#: One to look at, and the benchmark that every night needs.
STRATEGIES = "ema_cross,buy_and_hold"


def demo_home(root: Path) -> dict[str, Any]:
    """Make a small demo's home; what the demo said."""
    size = ("--symbols", "2", "--days", "5")
    told: dict[str, Any] = run_json("demo", *size, "--home", str(root), STRATEGIES=STRATEGIES)
    return told


def with_a_day_missing(root: Path) -> date:
    """Ask for history from a day before the first stored one, so that ``coverage`` fails; that day."""
    missing = ask_for_a_day_more(root)
    judge(root)
    return missing


def ask_for_a_day_more(root: Path) -> date:
    """Ask for history from a day before the first stored one; that day.

    Catch-up would fetch it by itself, hence it is paused.
    """
    desk = Desk.open(load_settings(root))
    stored = desk.store.current()
    assert stored is not None
    missing = min(item.first for item in stored.of("candles_1h")).date() - timedelta(days=1)
    Home(root).prepare("", {"HISTORY_START": missing.isoformat(), "QUALITY_LOOKBACK_DAYS": "365"})
    place_hold(root, Hold(CATCH_UP, desk.clock(), "anna", "a person repairs"))
    return missing


def judge(root: Path) -> None:
    """Run all checks; asserts that ``coverage`` fails, else there is nothing to look at."""
    desk = Desk.open(load_settings(root))
    done = run_job("data_validation", desk, tags=symbol_range_tags(desk.settings.SYMBOLS))
    assert [check for check in done.checks if check.name == "coverage" and not check.passed]
