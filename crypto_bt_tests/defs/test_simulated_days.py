"""Three nights of Dagster's real scheduler, sensors and queue on a fake clock, the machine off over ticks."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from crypto_bt_tests.defs.desk_home import desk_home
from crypto_bt_tests.defs.simulated_days import CAUGHT_UP, SCHEDULED, STARTING, simulate


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """What Dagster prints of each step of each run is nothing to anybody."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_each_night_comes_once_or_is_shown_as_skipped_and_no_gap_is_left(tmp_path: Path) -> None:
    off = [(at(2, 23), at(3, 0, 40)), (at(3, 1, 50), at(4, 6, 10)), (at(4, 6, 20), at(4, 23, 10))]
    with desk_home(tmp_path / "home", ("BTCUSDT",), at(2, 22, 30), STRATEGIES="ema_cross") as home:
        week = simulate(home, at(4, 23, 40), off, STARTING)
    assert week.failed == []
    assert week.lacking == []
    assert dict(week.computed) == {(date(2026, 3, 2), CAUGHT_UP): 1, (date(2026, 3, 4), SCHEDULED): 1}
    assert week.missed == {date(2026, 3, 1), date(2026, 3, 3)}
