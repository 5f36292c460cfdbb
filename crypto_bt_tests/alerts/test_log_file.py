"""The log of alerts: private, bounded, shared by processes, and readable whatever befell it."""

import multiprocessing
import resource
import signal
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crypto_bt.alerts import AlertLog
from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.errors import CryptoBtError

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WRITERS, EACH = 4, 50


def log_in(folder: Path, size_limit: int = 2_000_000) -> AlertLog:
    return AlertLog(folder / "alerts.log", lambda: NOW, size_limit)


def alert(where: str, what: str = "It is so.") -> Alert:
    return Alert("cause", AlertSeverity.INFO, what, where, "1", "0", NOW, "crypto-bt status")


def places(log: AlertLog) -> list[str]:
    return [item.where for item in log.recent(NOW)]


def write_many(folder: Path, name: str, size_limit: int) -> None:
    log = log_in(folder, size_limit)
    for number in range(EACH):
        log.send(alert(f"{name} {number}", "long " * 100))


def test_send_makes_a_file_for_the_owner_alone(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.send(alert("here"))
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_send_text_with_line_breaks_is_one_line(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.send(alert("here", "one\ntwo\u2028three\x85four"))
    assert log.path.read_bytes().count(b"\n") == 1
    assert log.recent(NOW)[0].what == "one\ntwo\u2028three\x85four"


def test_send_by_several_processes_loses_and_mixes_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    names = [f"writer {number}" for number in range(WRITERS)]
    writers = [context.Process(target=write_many, args=(tmp_path, name, 10**9)) for name in names]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    log = log_in(tmp_path)
    found = places(log)
    assert log.damaged() == 0
    for name in names:
        assert [place for place in found if place.startswith(name)] == [f"{name} {n}" for n in range(EACH)]


def test_send_by_several_processes_that_rotate_keeps_the_newest_and_the_bound(tmp_path: Path) -> None:
    limit = 40_000
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(tmp_path, f"w{n}", limit)) for n in range(WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    log = log_in(tmp_path, limit)
    assert log.damaged() == 0
    assert log.path.stat().st_size <= limit
    assert limit / 2 < log.older.stat().st_size <= limit
    assert any(place.endswith(f" {EACH - 1}") for place in places(log))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alerts.log", "alerts.log.1"]


def test_send_alert_larger_than_the_limit_is_kept(tmp_path: Path) -> None:
    log = log_in(tmp_path, size_limit=10)
    log.send(alert("first"))
    log.send(alert("second"))
    assert places(log) == ["first", "second"]


@pytest.mark.parametrize(
    "damage", [b'{"sent_at": "2026', b"\xff\xfe\x00", b"null\n", b"[]\n", b"{}\n", b"[" * 9999]
)
def test_recent_damaged_line_skipped_counted_and_ended_by_the_next(tmp_path: Path, damage: bytes) -> None:
    log = log_in(tmp_path)
    log.send(alert("before"))
    with log.path.open("ab") as file:
        file.write(damage)
    log.send(alert("after"))
    assert places(log) == ["before", "after"]
    assert log.damaged() == 1


def test_send_full_disk_refused_with_the_alert_told_and_nothing_half_written(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.send(alert("before"))
    size = log.path.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, limits[1]))
    try:
        with pytest.raises(CryptoBtError, match=r"did not take an alert: .* Disk melts"):
            log.send(alert("lost", "Disk melts."))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert log.path.stat().st_size == size
    log.send(alert("after"))
    assert (places(log), log.damaged()) == (["before", "after"], 0)


def test_send_where_a_folder_is_in_the_way_refused(tmp_path: Path) -> None:
    (tmp_path / "alerts.log").mkdir()
    with pytest.raises(CryptoBtError, match="did not take an alert"):
        log_in(tmp_path).send(alert("here"))
    with pytest.raises(CryptoBtError, match="cannot be read"):
        log_in(tmp_path).recent(NOW)


def test_send_leaves_no_descriptor_open(tmp_path: Path) -> None:
    log = log_in(tmp_path, size_limit=500)
    log.send(alert("first"))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(20):
        log.send(alert(str(number)))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
