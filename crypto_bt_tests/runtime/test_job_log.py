"""Logs of jobs: private, whole lines whoever writes, rotated, read across rotations."""

import itertools
import json
import multiprocessing
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto_bt.core.errors import UsageError
from crypto_bt.runtime.job_log import JobLogs, follow, last_lines, log_names, log_path, rotate_held_open

PROCESSES, LINES = 4, 150


def numbers(lines: list[str]) -> list[int]:
    return [json.loads(line)["n"] for line in lines]


def test_write_makes_one_private_file_a_job_and_whole_json_lines(tmp_path: Path) -> None:
    logs = JobLogs(tmp_path / "logs", ["canary-4711"])
    logs.write("data_update", "info", "fetched \x1b[31m", symbols=60, address="http://x/?k=canary-4711")
    logs.write("__ASSET_JOB", "error", "two\nlines")
    logs.write("../../escape", "info", "x")
    assert log_names(tmp_path / "logs") == ["__ASSET_JOB", "______escape", "data_update"]
    path = log_path(tmp_path / "logs", "data_update")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    [line] = last_lines(path, 5)
    told = json.loads(line)
    assert list(told)[:4] == ["time", "level", "job", "event"]
    assert told["event"] == "fetched \\x1b[31m"
    assert told["symbols"] == 60
    assert "canary" not in line
    assert len(last_lines(log_path(tmp_path / "logs", "__ASSET_JOB"), 5)) == 1


def test_write_puts_full_files_aside_and_keeps_so_many(tmp_path: Path) -> None:
    logs = JobLogs(tmp_path, size_limit=1_000, kept=3)
    for n in range(100):
        logs.write("job", "info", "x" * 60, n=n)
    path = log_path(tmp_path, "job")
    files = sorted(each.name for each in tmp_path.iterdir())
    assert files == ["job.jsonl", "job.jsonl.1", "job.jsonl.2", "job.jsonl.3"]
    assert all(each.stat().st_size <= 1_000 for each in tmp_path.iterdir())
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in tmp_path.iterdir())
    assert numbers(last_lines(path, 20)) == list(range(80, 100)), "read across the files, the oldest first"


def write_many(folder: Path, who: int) -> None:
    logs = JobLogs(folder, size_limit=8_000, kept=10_000)
    for n in range(LINES):
        logs.write("job", "info", "x" * 50, n=who * LINES + n)


def test_write_of_many_processes_loses_and_tears_no_line_over_rotations(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=write_many, args=(tmp_path, who)) for who in range(PROCESSES)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * PROCESSES
    files = list(tmp_path.iterdir())
    assert len(files) > 5, "the files were rotated meanwhile"
    lines = [line for file in files for line in file.read_text().splitlines()]
    assert sorted(numbers(lines)) == list(range(PROCESSES * LINES))


def test_follow_goes_on_over_a_rotation_and_a_file_cut_to_nothing(tmp_path: Path) -> None:
    logs = JobLogs(tmp_path, size_limit=400)
    written = itertools.count()

    def more(_: float) -> None:
        logs.write("job", "info", "x" * 30, n=next(written))

    more(0.0)
    lines: Iterator[str] = follow(log_path(tmp_path, "job"), sleep=more, start=0)
    assert numbers(list(itertools.islice(lines, 30))) == list(range(30))
    assert (tmp_path / "job.jsonl.3").exists(), "the file was put aside meanwhile"

    part = tmp_path / "daemon.log"
    part.write_text("old\n" * 20)

    def cut(_: float) -> None:
        part.write_text("new\n")

    assert next(follow(part, sleep=cut)) == "new"


def test_rotate_held_open_keeps_what_a_process_prints_on(tmp_path: Path) -> None:
    path = tmp_path / "daemon.log"
    with path.open("ab", buffering=0) as printing:
        printing.write(b"before\n" * 10)
        assert not rotate_held_open(path, size_limit=1_000)
        assert rotate_held_open(path, size_limit=50)
        printing.write(b"after\n")
    assert path.read_bytes() == b"after\n"
    aside = tmp_path / "daemon.log.1"
    assert aside.read_bytes() == b"before\n" * 10
    assert stat.S_IMODE(aside.stat().st_mode) == 0o600
    assert last_lines(path, 2) == ["before", "after"]


@pytest.mark.parametrize("name", ["none", "../x", "", "a/b"])
def test_log_path_names_those_there_are(tmp_path: Path, name: str) -> None:
    JobLogs(tmp_path).write("job", "info", "x")
    with pytest.raises(UsageError, match="Those there are: job"):
        log_path(tmp_path, name)


def test_write_to_a_full_disk_is_told_and_tears_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = JobLogs(tmp_path)
    logs.write("job", "info", "whole", n=1)
    real = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, text: real(descriptor, text[:10]))
        with pytest.raises(OSError, match="No space left"):
            logs.write("job", "info", "half", n=2)
    logs.write("job", "info", "whole", n=3)
    assert numbers(last_lines(log_path(tmp_path, "job"), 9)) == [1, 3]
