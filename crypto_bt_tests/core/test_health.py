"""What makes the system unwell, what does not, and what is done and told about it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.alerts import AlertSeverity
from crypto_bt.core.disk_room import DiskRoom
from crypto_bt.core.health import Health, HealthStatus, Sample, decide
from crypto_bt.core.health_history import KEPT, alerts, from_json, shown, thin, to_json
from crypto_bt.core.vital_signs import (
    NIGHT,
    SUPERVISOR,
    WORKER,
    HealthLimits,
    ProcessSeen,
    Readings,
    Serving,
)

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LIMITS = HealthLimits()
PARTS = tuple(
    ProcessSeen(name, f"{number}:1:boot", age=9_000.0, silent=20.0 if name == SUPERVISOR else None)
    for number, name in enumerate((SUPERVISOR, "code_server", "daemon", "webserver"), 100)
)
WELL = Readings(
    Serving.UP, PARTS, {"SCHEDULER": 10.0, "SENSOR": 25.0}, 700.0, 0, 12.5, "", DiskRoom(50 << 30, 100 << 30)
)
NIGHT_SEEN = ProcessSeen(NIGHT, "7:1:boot", age=400.0, silent=10.0, stuck=10.0)
WORKER_SEEN = ProcessSeen(WORKER, "6:1:boot", age=400.0, silent=10.0)


def looks(
    readings: Readings, count: int, history: Sequence[Sample] = (), now: datetime = NOW
) -> list[Health]:
    """So many looks, a minute apart, the last at ``now``; silences grow with the time."""
    found, samples = [], list(history)
    for ago in range(count - 1, -1, -1):
        aged = [
            replace(
                each,
                silent=None if each.silent is None else each.silent - 60.0 * ago,
                cpu_seconds=each.cpu_seconds - 60.0 * ago * (each.stuck is not None),
            )
            for each in readings.processes
        ]
        found.append(decide(replace(readings, processes=aged), samples, LIMITS, now - ago * MINUTE))
        samples.append(found[-1].sample)
    return found


def with_process(*changed: ProcessSeen) -> Readings:
    names = {each.name for each in changed}
    return replace(WELL, processes=(*(each for each in PARTS if each.name not in names), *changed))


def test_all_is_well() -> None:
    found = looks(with_process(NIGHT_SEEN, WORKER_SEEN), 3)[-1]
    assert (found.status, found.reasons, found.end) == (HealthStatus.HEALTHY, (), ())


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("daemon", HealthStatus.DEAD),
        ("code_server", HealthStatus.DEAD),
        ("webserver", HealthStatus.DEGRADED),
    ],
)
def test_process_that_does_not_run(name: str, status: HealthStatus) -> None:
    found = looks(with_process(ProcessSeen(name)), 1)[-1]
    assert found.status is status
    assert "The supervisor starts it again" in found.reasons[0].text
    given_up = looks(with_process(ProcessSeen(name, given_up=True)), 1)[-1]
    assert "crypto-bt up" in given_up.reasons[0].text
    # The supervisor tells these itself.
    assert alerts(None, found, NOW) == []


def test_supervisor_that_was_killed_is_dead_and_one_that_was_stopped_is_not() -> None:
    gone = replace(WELL, serving=Serving.DIED, processes=())
    assert decide(gone, [], LIMITS, NOW).status is HealthStatus.DEAD
    stopped = replace(gone, serving=Serving.NOTHING, daemons={"SENSOR": 90_000.0})
    assert decide(stopped, [], LIMITS, NOW).status is HealthStatus.HEALTHY


def test_daemon_thread_without_heartbeat_is_dead_once_it_had_time_to_start() -> None:
    silent = replace(WELL, daemons={"SCHEDULER": 121.0, "SENSOR": 5.0})
    found = decide(silent, [], LIMITS, NOW)
    assert found.status is HealthStatus.DEAD
    assert [reason.where for reason in found.reasons] == ["SCHEDULER"]
    young = [replace(each, age=60.0) for each in PARTS]
    assert decide(replace(silent, processes=young), [], LIMITS, NOW).status is HealthStatus.HEALTHY


@pytest.mark.parametrize("silent", [119.0, 121.0, 600.0])
def test_hung_run_worker_is_ended_with_its_night_after_120_seconds(silent: float) -> None:
    readings = with_process(replace(WORKER_SEEN, silent=silent, age=4_000.0), NIGHT_SEEN)
    found = looks(readings, 3)[-1]
    assert (found.end == (WORKER, NIGHT)) == (silent > 120.0)
    if found.end:
        [alert] = alerts(None, found, NOW)
        assert (alert.cause, alert.severity) == ("stalled", AlertSeverity.CRITICAL)
        assert "catch_up starts another" in alert.doing


def test_machine_that_slept_wakes_with_stale_heartbeats_and_nothing_is_ended() -> None:
    before = looks(with_process(WORKER_SEEN, NIGHT_SEEN), 3, now=NOW - timedelta(hours=8))
    readings = with_process(replace(WORKER_SEEN, silent=8 * 3600.0, age=40_000.0), NIGHT_SEEN)
    found = decide(readings, [each.sample for each in before], LIMITS, NOW)
    assert found.end == ()
    assert found.status is HealthStatus.HEALTHY


@pytest.mark.parametrize(("stuck", "ill"), [(30.0, False), (660.0, True)])
def test_full_cpu_counts_only_without_progress(stuck: float, ill: bool) -> None:
    readings = with_process(
        replace(NIGHT_SEEN, stuck=stuck, silent=5.0, cpu_seconds=2_000.0, age=2_000.0), WORKER_SEEN
    )
    found = looks(readings, 13)[-1]
    assert [reason.cause for reason in found.reasons] == (["stalled"] if ill else [])
    idle = replace(readings, processes=[replace(each, cpu_seconds=0.0) for each in readings.processes])
    calm = decide(idle, [each.sample for each in looks(readings, 13)], LIMITS, NOW + MINUTE)
    assert "at full CPU" not in "".join(reason.text for reason in calm.reasons)


def test_more_than_five_errors_in_an_hour() -> None:
    assert decide(replace(WELL, errors=5), [], LIMITS, NOW).status is HealthStatus.HEALTHY
    found = decide(replace(WELL, errors=6), [], LIMITS, NOW)
    assert found.status is HealthStatus.DEGRADED
    assert "(6, limit 5)" in found.reasons[0].text


def test_memory_counts_when_it_was_seen_twice() -> None:
    much = replace(WELL, memory_mb=1_501.0)
    assert [each.status for each in looks(much, 2)] == [HealthStatus.HEALTHY, HealthStatus.DEGRADED]


def test_old_night_counts_unless_a_person_stopped_it_and_from_when_it_goes_on() -> None:
    old = replace(WELL, night_hours=27.0)
    assert decide(old, [], LIMITS, NOW).reasons[0].cause == "freshness"
    off = replace(old, nights_off="off since 2026-11-21 by anna")
    paused = decide(off, [], LIMITS, NOW)
    assert paused.status is HealthStatus.HEALTHY
    resumed = decide(replace(old, night_hours=80.0), [paused.sample], LIMITS, NOW + timedelta(hours=25))
    assert resumed.status is HealthStatus.HEALTHY
    late = decide(replace(old, night_hours=82.0), [paused.sample], LIMITS, NOW + timedelta(hours=27))
    assert late.status is HealthStatus.DEGRADED
    assert decide(replace(WELL, night_hours=None), [], LIMITS, NOW).status is HealthStatus.HEALTHY


def test_full_disk_and_store_that_does_not_open() -> None:
    full = decide(replace(WELL, disk=DiskRoom(1 << 20, 100 << 30)), [], LIMITS, NOW)
    assert (full.status, full.reasons[0].cause) == (HealthStatus.DEGRADED, "disk")
    closed = decide(replace(WELL, store="CURRENT is damaged."), [], LIMITS, NOW)
    assert closed.status is HealthStatus.DEAD
    assert "CURRENT is damaged" in alerts(None, closed, NOW)[0].what


def test_trouble_is_told_when_it_comes_and_when_it_goes_and_not_in_between() -> None:
    history: list[Sample] = []
    told: list[tuple[int, bool]] = []
    for minute, errors in enumerate([0, 7, 8, 9, 2, 0]):
        found = decide(replace(WELL, errors=errors), history, LIMITS, NOW + minute * MINUTE)
        sent = alerts(history[-1] if history else None, found, NOW + minute * MINUTE)
        told += [(minute, alert.resolved) for alert in sent]
        assert {alert.id for alert in sent} <= {alert.id for alert in sent[:1]}
        history.append(found.sample)
    assert told == [(1, False), (4, True)]


def test_web_ui_shows_a_change_at_once_and_else_every_quarter_of_an_hour() -> None:
    healthy, ill = decide(WELL, [], LIMITS, NOW), decide(replace(WELL, errors=9), [], LIMITS, NOW)
    assert shown(None, healthy, NOW)
    assert not shown((HealthStatus.HEALTHY, NOW - 14 * MINUTE), healthy, NOW)
    assert shown((HealthStatus.HEALTHY, NOW - 15 * MINUTE), healthy, NOW)
    assert shown((HealthStatus.HEALTHY, NOW - MINUTE), ill, NOW)


@given(st.lists(st.tuples(st.integers(1, 300), st.sampled_from(HealthStatus), st.booleans()), max_size=80))
def test_thinned_history_keeps_every_change_and_the_latest_looks(
    steps: list[tuple[int, HealthStatus, bool]],
) -> None:
    samples, time = [], NOW - timedelta(days=9)
    for seconds, status, off in steps:
        time += timedelta(seconds=seconds * 60)
        samples.append(Sample(time, status, nights_off="off" if off else "", cpu={"1:2:b": 3.0}))
    kept = thin(samples, NOW)
    assert all(sample.time > NOW - KEPT for sample in kept)
    fresh = [sample for sample in samples if sample.time > NOW - KEPT]
    changes = [(each.status, bool(each.nights_off)) for each in fresh]
    runs = [pair for index, pair in enumerate(changes) if index == 0 or pair != changes[index - 1]]
    kept_changes = [(each.status, bool(each.nights_off)) for each in kept]
    assert [p for i, p in enumerate(kept_changes) if i == 0 or p != kept_changes[i - 1]] == runs
    assert thin(kept, NOW) == kept


def test_quiet_week_is_kept_in_less_than_900_lines() -> None:
    start = NOW - timedelta(days=8)
    samples = [Sample(start + minute * MINUTE, HealthStatus.HEALTHY) for minute in range(8 * 24 * 60)]
    assert 600 < len(thin(samples, NOW)) < 900


def test_sample_survives_its_line_and_no_line_is_an_error() -> None:
    [sample] = [each.sample for each in looks(replace(with_process(WORKER_SEEN, NIGHT_SEEN), errors=9), 1)]
    assert from_json(to_json(sample)) == sample
    for line in (
        "",
        "{",
        "[]",
        "1",
        '{"time": 3}',
        to_json(sample)[:-9],
        to_json(sample).replace("+00:00", ""),
    ):
        assert from_json(line) is None
