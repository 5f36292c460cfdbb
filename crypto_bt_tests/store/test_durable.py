"""Atomic writes: the old bytes or the new ones, for the owner alone, nothing left over."""

import stat
from contextlib import suppress
from pathlib import Path

import pytest

from crypto_bt.store import write_atomically
from crypto_bt.store.documents import moment_of, moment_text, seal, unseal
from crypto_bt.store.durable import make_folder, sweep_temporaries, temporary_beside
from crypto_bt_tests.store.faults import Countdown, disk_full
from crypto_bt_tests.store.samples import NOW

#: Position of the rename among the operations of an atomic write.
RENAME = 4


def test_write_atomically_new_and_existing_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for data in (b"old", b"", b"new" * 100_000):
        write_atomically(path, data)
        assert path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_write_atomically_error_at_every_operation_old_bytes_stay(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for at in range(1, 20):
        write_atomically(path, b"old")
        with Countdown(at, disk_full).installed() as fault, suppress(OSError):
            write_atomically(path, b"new")
        if not fault.fired:
            break
        assert path.read_bytes() == (b"old" if at <= RENAME else b"new")
        sweep_temporaries(tmp_path)
        assert list(tmp_path.iterdir()) == [path]
    assert at == 7
    assert path.read_bytes() == b"new"


def test_write_atomically_forces_file_before_rename_and_folder_after(tmp_path: Path) -> None:
    with Countdown(0, disk_full).installed() as healthy:
        write_atomically(tmp_path / "file", b"new")
    assert healthy.seen == ["open", "write", "fsync", "replace", "open", "fsync"]


def test_sweep_temporaries_only_what_a_writer_left(tmp_path: Path) -> None:
    (tmp_path / "keep").write_text("")
    left = temporary_beside(tmp_path / "run")
    left.mkdir()
    (left / "inside").write_text("")
    temporary_beside(tmp_path / "file").write_text("")
    sweep_temporaries(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["keep"]
    sweep_temporaries(tmp_path / "not there")


def test_make_folder_missing_parents_for_owner_alone(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        make_folder(tmp_path / "file")


def test_seal_then_unseal_same_body() -> None:
    body = {"b": [1, None, "ü"], "a": {"z": 1.5}}
    assert unseal(seal(body), Path("x")) == body


def test_moment_text_then_moment_of_same_moment() -> None:
    assert moment_of(moment_text(NOW)) == NOW
