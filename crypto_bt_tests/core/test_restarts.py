"""Growing waits, four restarts a day, and ten healthy minutes that reset the waits alone."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.restarts import BACK_OFF, HEALTHY, MOST, WITHIN, decide_restart

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def crash_at_once(count: int) -> list[timedelta]:
    """The waits of a process that dies a second after every start."""
    restarts: list[datetime] = []
    started, waits = NOW, []
    for _ in range(count):
        ended = started + SECOND
        found = decide_restart(restarts, started, ended)
        if found.at is None:
            return waits
        waits.append(found.at - ended)
        started = found.at
        restarts.append(started)
    return waits


def test_waits_grow_and_the_fifth_restart_of_a_day_never_comes() -> None:
    assert crash_at_once(9) == [BACK_OFF[0], BACK_OFF[1], BACK_OFF[2], BACK_OFF[2]]


def test_ten_healthy_minutes_reset_the_wait() -> None:
    restarts = [NOW, NOW + timedelta(seconds=16)]
    short = decide_restart(restarts, restarts[-1], restarts[-1] + HEALTHY - SECOND)
    long = decide_restart(restarts, restarts[-1], restarts[-1] + HEALTHY)
    assert short.at == restarts[-1] + HEALTHY - SECOND + BACK_OFF[2]
    assert long.at == restarts[-1] + HEALTHY + BACK_OFF[0]


def test_what_dies_every_quarter_of_an_hour_is_given_up_all_the_same() -> None:
    restarts = [NOW + n * timedelta(minutes=15) for n in range(MOST)]
    assert decide_restart(restarts, restarts[-1], restarts[-1] + timedelta(minutes=15)).given_up
    assert not decide_restart(restarts, restarts[-1], restarts[0] + WITHIN).given_up


@given(st.lists(st.integers(1, 4_000), max_size=60))
def test_never_more_than_four_restarts_in_any_day(lives: list[int]) -> None:
    restarts: list[datetime] = []
    started = NOW
    for life in lives:
        ended = started + timedelta(seconds=life)
        found = decide_restart(restarts, started, ended)
        if found.at is None:
            assert found.given_up
            break
        assert BACK_OFF[0] <= found.at - ended <= BACK_OFF[-1]
        started = found.at
        restarts.append(started)
    for moment in restarts:
        assert len([each for each in restarts if moment - WITHIN < each <= moment]) <= MOST
