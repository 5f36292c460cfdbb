"""The clock of deadlines: set, put back or asleep, it goes on as if nothing had happened."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.runtime.steady_clock import SteadyClock

BEGAN = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Times:
    """A wall clock that can be set, and ticks that only count."""

    def __init__(self) -> None:
        self.wall, self.ticks = BEGAN, 1_000.0

    def pass_by(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.ticks += seconds


@given(st.lists(st.tuples(st.floats(0.0, 1e5), st.floats(-1e6, 1e6)), max_size=20))
def test_setting_the_wall_clock_moves_no_deadline(steps: list[tuple[float, float]]) -> None:
    times = Times()
    clock = SteadyClock(lambda: times.wall, lambda: times.ticks)
    passed = 0.0
    for seconds, set_by in steps:
        times.pass_by(seconds)
        passed += seconds
        times.wall += timedelta(seconds=set_by)
        assert abs((clock() - BEGAN).total_seconds() - passed) < 1e-2
        assert abs((clock.on_the_wall(clock()) - times.wall).total_seconds()) < 1e-2


def test_a_moment_is_shown_as_the_wall_clock_has_it_now() -> None:
    times = Times()
    clock = SteadyClock(lambda: times.wall, lambda: times.ticks)
    moment = clock()
    times.pass_by(60.0)
    times.wall += timedelta(hours=1)
    assert clock.on_the_wall(moment) == BEGAN + timedelta(hours=1)
