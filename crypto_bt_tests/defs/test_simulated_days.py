"""Three nights of Dagster's real scheduler, sensors and queue on a fake clock, with the machine off often."""

import logging
from datetime import UTC, date, datetime
from pathlib import Path

from crypto_bt_tests.defs.desk_home import desk_home
from crypto_bt_tests.defs.simulated_days import CAUGHT_UP, SCHEDULED, simulate

BEGINS = datetime(2026, 3, 1, 23, 0, tzinfo=UTC)
SYMBOLS = ("BTCUSDT",)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def test_each_night_comes_once_or_is_shown_as_skipped_and_no_gap_is_left(tmp_path: Path) -> None:
    logging.getLogger("dagster").setLevel(logging.CRITICAL)
    off = [(at(2, 0, 10), at(2, 20)), (at(2, 23), at(3, 0, 40)), (at(3, 4, 40), at(4, 6, 10))]
    with desk_home(tmp_path / "home", SYMBOLS, BEGINS, STRATEGIES="ema_cross") as home:
        home.update(days=12)
        week = simulate(home, at(4, 8, 30), off)
    assert week.failed == []
    assert week.lacking == []
    assert dict(week.computed) == {(date(2026, 3, 1), SCHEDULED): 1, (date(2026, 3, 2), CAUGHT_UP): 1}
    assert week.missed >= {date(2026, 3, 3)}
