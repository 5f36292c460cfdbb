"""What stops a night, and which stop is whose."""

from datetime import UTC, datetime

import pytest

from crypto_bt.core.holds import NIGHT, Hold
from crypto_bt.core.stopping import (
    SILENT_SECONDS,
    STUCK_SECONDS,
    Limits,
    StopCause,
    Wanted,
    exceeded,
    hanging,
    unwanted,
)

HOLD = Hold(NIGHT, datetime(2026, 11, 20, 9, tzinfo=UTC), "anna", "deployment")
LIMITS = Limits(seconds=7_200.0, memory_mb=500.0, processes=200)


def test_nothing_stops_a_night_that_everybody_wants() -> None:
    assert unwanted(Wanted()) is None


@pytest.mark.parametrize(
    ("wanted", "cause", "words"),
    [
        (Wanted(enabled=False), StopCause.SWITCHED_OFF, "BACKTEST_ENABLED=1"),
        (Wanted(hold=HOLD), StopCause.PAUSED, "off since 2026-11-20 09:00 UTC by anna: deployment"),
        (Wanted(trader="The live trader is dead."), StopCause.LIVE_TRADER, "crypto-bt resume"),
        (Wanted(False, HOLD, "The live trader is dead."), StopCause.LIVE_TRADER, "The live trader is dead."),
    ],
)
def test_who_does_not_want_it_is_named_with_the_way_back(
    wanted: Wanted, cause: StopCause, words: str
) -> None:
    stop = unwanted(wanted)
    assert stop is not None
    assert stop.cause is cause
    assert words in stop.text


def test_what_a_person_stopped_is_no_crash_and_a_watchdogs_stop_is() -> None:
    assert {cause for cause in StopCause if cause.by_hand} == {StopCause.SWITCHED_OFF, StopCause.PAUSED}
    assert {cause for cause in StopCause if cause.is_crash} == {
        StopCause.TIME, StopCause.MEMORY, StopCause.PROCESSES, StopCause.HUNG,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("used", "cause"),
    [
        ({"seconds": 7_199.0, "memory_mb": 500.0, "processes": 200}, None),
        ({"seconds": 7_200.0, "memory_mb": 1.0, "processes": 1}, StopCause.TIME),
        ({"seconds": 1.0, "memory_mb": 500.5, "processes": 1}, StopCause.MEMORY),
        ({"seconds": 1.0, "memory_mb": 1.0, "processes": 201}, StopCause.PROCESSES),
        ({"seconds": 9_999.0, "memory_mb": 999.0, "processes": 999}, StopCause.PROCESSES),
    ],
)
def test_limits_are_kept_to_the_last_unit(used: dict[str, float], cause: StopCause | None) -> None:
    found = exceeded(LIMITS, **used)  # type: ignore[arg-type]
    assert (found[0] if found else None) is cause


@pytest.mark.parametrize(
    ("silent", "stuck", "share", "hangs"),
    [
        (SILENT_SECONDS, 0.0, 0.0, False),
        (SILENT_SECONDS + 1, 0.0, 0.0, True),
        (30.0, STUCK_SECONDS + 1, 0.95, True),
        (30.0, STUCK_SECONDS + 1, 0.5, False),
        (30.0, STUCK_SECONDS, 1.0, False),
    ],
)
def test_full_cpu_alone_is_no_hang(silent: float, stuck: float, share: float, hangs: bool) -> None:
    found = hanging(silent_seconds=silent, stuck_seconds=stuck, cpu_share=share)
    assert (found is not None) is hangs
