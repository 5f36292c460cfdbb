"""The ledger file: every process reads what the others wrote, whatever happens to the file or to them."""

import logging
import multiprocessing
import os
import random
import signal
import statistics
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.sources.books import Books
from crypto_bt.sources.ledger import Ledger
from crypto_bt.sources.ledger_entry import ANSWERED, KEPT_SECONDS, PAUSED, RESERVED, Entry, Moment, parse

context = multiprocessing.get_context("forkserver")


class Wall:
    """A wall clock that is set by hand."""

    def __init__(self, seconds=1_800_000_000.0):
        self.seconds = seconds

    def __call__(self):
        return self.seconds

    def now(self):
        return Moment(self.seconds)


@pytest.fixture
def wall():
    return Wall()


def entry(number, wall, what=RESERVED, **fields):
    return Entry(
        **{"what": what, "id": f"s.{number}", "wall": wall(), "kind": "weight", "figure": 2, **fields}
    )


def turn(ledger, *entries):
    """One turn: what was read, with ``entries`` written."""
    news = ledger.begin()
    for one in entries:
        ledger.write(one)
    ledger.end()
    return news


@given(
    st.builds(
        Entry,
        what=st.sampled_from([RESERVED, ANSWERED, PAUSED]),
        id=st.from_regex(r"[0-9a-f]{10}\.[0-9]{1,6}", fullmatch=True),
        wall=st.integers(0, 2**50).map(lambda value: value / 2**14),
        kind=st.sampled_from(["weight", "funding", "positioning"]),
        figure=st.integers(-1, 1000).map(float),
        grace=st.integers(0, 100).map(float),
    )
)
def test_parse_reads_what_was_written(written):
    read = parse(written.line().rstrip(b"\n"))

    assert read is not None
    assert abs(read.wall - written.wall) < 1e-5
    fields = ("what", "id", "kind", "figure", "grace")
    assert [getattr(read, name) for name in fields] == [getattr(written, name) for name in fields]


@given(
    st.binary(max_size=80) | st.text(max_size=40).map(lambda text: f"reserved a {text} weight 1 1".encode())
)
def test_parse_of_garbage_never_raises(line):
    read = parse(line)

    assert read is None or read.figure >= -1


def test_begin_gives_each_entry_once_and_in_order(tmp_path, wall):
    one, two = (Ledger(tmp_path / "ledger", wall.now) for _ in range(2))

    assert turn(one, entry(1, wall), entry(2, wall)) == []
    assert turn(two, entry(3, wall)) == [entry(1, wall), entry(2, wall)]
    assert turn(one) == [entry(3, wall)]
    assert (turn(one), turn(two)) == ([], [])
    assert (one.trouble, two.trouble) == ("", "")
    assert oct((tmp_path / "ledger").stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize(
    "garbage", [b"\x00\xff\n", b"reserved\n", b"{}\n\n\n", b"x" * 5000 + b"\n", b"reserved s.7 17"]
)
def test_begin_ignores_garbage_and_what_a_killed_writer_left_unfinished(tmp_path, wall, garbage):
    path = tmp_path / "ledger"
    reader = Ledger(path, wall.now)
    turn(reader, entry(1, wall))
    with path.open("ab") as file:
        file.write(garbage)

    turn(Ledger(path, wall.now), entry(2, wall))

    assert turn(reader) == [entry(2, wall)]


def test_begin_of_a_new_file_reads_on_after_the_last_good_line_not_after_garbage(tmp_path, wall):
    path = tmp_path / "ledger"
    one, two = (Ledger(path, wall.now) for _ in range(2))
    turn(one, entry(1, wall))
    with path.open("ab") as file:
        file.write(b"\n\nnonsense\n\n")
    assert turn(two) == [entry(1, wall)]
    text = path.read_bytes()
    path.unlink()
    path.write_bytes(text + entry(2, wall).line() + b"\n")

    assert turn(two) == [entry(2, wall)]


def test_begin_survives_a_file_that_is_removed_cut_or_replaced(tmp_path, wall):
    path = tmp_path / "ledger"
    one, two = (Ledger(path, wall.now) for _ in range(2))
    turn(one, entry(1, wall), entry(2, wall))
    turn(two)
    path.unlink()
    assert turn(one, entry(3, wall), entry(5, wall)) == []
    assert turn(two) == [entry(3, wall), entry(5, wall)]
    os.truncate(path, 0)
    assert turn(two, entry(4, wall)) == []
    assert turn(one) == [entry(4, wall)]


def test_end_of_a_large_file_drops_what_is_old_and_nobody_reads_twice(tmp_path, wall):
    path = tmp_path / "ledger"
    one, two, late = (Ledger(path, wall.now) for _ in range(3))
    pause = entry(0, wall, PAUSED, figure=900)
    turn(one, pause, *(entry(number, wall) for number in range(8000)))
    wall.seconds += KEPT_SECONDS + 1
    kept = entry(8001, wall)
    turn(two, kept)
    wall.seconds += KEPT_SECONDS
    recent = entry(8002, wall)
    before = path.stat().st_size

    turn(one, recent)

    assert before > 256 * 1024 > 1000 > path.stat().st_size
    assert turn(two) == [recent]
    assert turn(one) == []
    assert turn(late) == [pause, kept, recent]


@pytest.mark.parametrize("jump", [-7200.0, -60.0, 60.0, 7200.0])
def test_begin_after_a_jump_of_the_wall_clock_keeps_only_what_can_matter(tmp_path, wall, jump):
    one, two = (Ledger(tmp_path / "ledger", wall.now) for _ in range(2))
    turn(one, entry(1, wall))
    wall.seconds += jump

    news = turn(two, entry(2, wall))

    assert len(news) == (abs(jump) < KEPT_SECONDS)
    assert turn(one) == [entry(2, wall)]


@pytest.mark.parametrize("step", [-3600.0, 300.0, 3600.0])
@pytest.mark.parametrize(("boot", "age"), [("one", 10.0), ("another", None), ("-", None)])
def test_age_within_one_boot_is_the_machines_whatever_the_wall_clock_says(wall, step, boot, age):
    told = parse(entry(1, wall, boot="one" if boot != "-" else "-", up=100.0).line())
    now = Moment(wall.seconds + step, boot, 110.0)

    assert told.age(now) == (step if age is None else age)
    assert told.alive(now) == (age is not None or abs(step) < KEPT_SECONDS)


@pytest.mark.parametrize("step", [-3600.0, 300.0, 3600.0])
def test_pause_is_kept_by_a_session_whose_wall_clock_was_stepped(tmp_path, step):
    now = [1000.0]

    def books(ahead):
        return Books(
            lambda: now[0],
            ledger=tmp_path / "ledger",
            wall=lambda: 1e9 + ahead + now[0],
            uptime=lambda: ("boot", now[0]),
        )

    one, two = books(0.0), books(step)
    one.pause(120.0)
    now[0] += 5.0
    with two.turn():
        pass

    assert two.paused_until == pytest.approx(1120.0, abs=1e-3)
    one.close()
    two.close()


@pytest.mark.parametrize("spoil", ["folder", "missing", "fifo"])
def test_begin_of_a_file_that_cannot_be_used_says_so_once_and_goes_on(tmp_path, wall, caplog, spoil):
    path = tmp_path / "no" / "ledger" if spoil == "missing" else tmp_path / "ledger"
    if spoil == "folder":
        path.mkdir()
    elif spoil == "fifo":
        os.mkfifo(path)
    ledger = Ledger(path, wall.now)

    with caplog.at_level(logging.WARNING):
        for number in range(3):
            assert turn(ledger, entry(number, wall)) == []

    assert ledger.trouble
    (record,) = caplog.records
    assert str(path) in record.message
    assert "keeps to its budget" in record.message


def test_end_writes_later_what_could_not_be_written_at_first(tmp_path, wall, monkeypatch):
    path = tmp_path / "no" / "ledger"
    ledger = Ledger(path, wall.now)
    turn(ledger, entry(1, wall))
    path.parent.mkdir()
    monkeypatch.setattr("crypto_bt.sources.ledger._TRY_AGAIN_SECONDS", 0)
    ledger._not_before = 0

    turn(ledger, entry(2, wall))

    assert turn(Ledger(path, wall.now)) == [entry(1, wall), entry(2, wall)]


def test_end_compaction_that_does_not_fit_on_the_disk_loses_nothing(tmp_path, wall, monkeypatch):
    monkeypatch.setattr("crypto_bt.sources.ledger._LARGE", 100)
    path = tmp_path / "ledger"
    one, late = Ledger(path, wall.now), Ledger(path, wall.now)
    turn(one, entry(1, wall), entry(2, wall))
    wall.seconds += 3 * KEPT_SECONDS
    kept, write, short = [entry(3, wall), entry(4, wall)], os.write, []

    def write_a_part(file, text):
        if str(Path(f"/proc/self/fd/{file}").readlink()).endswith(".new"):
            short.append(text)
            return write(file, text[:10])
        return write(file, text)

    monkeypatch.setattr(os, "write", write_a_part)
    turn(one, *kept)
    turn(one)

    assert short
    assert turn(late) == kept
    assert [found.name for found in tmp_path.iterdir()] == ["ledger"]


def test_parse_a_cost_that_no_request_has_is_damage(wall):
    assert parse(entry(1, wall, figure=1000).line()) == entry(1, wall, figure=1000)
    assert parse(entry(1, wall, figure=999999999999).line()) is None
    assert parse(entry(1, wall, what=PAUSED, figure=5000).line()) is not None


def hold(path, held):
    """Take the lock and keep it."""
    Ledger(path, lambda: Moment(time.time())).begin()
    held.set()
    time.sleep(3600)


@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGKILL])
def test_begin_beside_a_holder_that_is_stopped_or_dead_goes_on(tmp_path, wall, number, monkeypatch):
    monkeypatch.setattr("crypto_bt.sources.ledger._PATIENCE_SECONDS", 0.05)
    path, held = tmp_path / "ledger", context.Event()
    holder = context.Process(target=hold, args=(path, held))
    holder.start()
    try:
        assert held.wait(60)
        ledger = Ledger(path, wall.now)
        assert holder.pid is not None
        os.kill(holder.pid, number)
        if number == signal.SIGKILL:
            holder.join()

        turn(ledger, entry(1, wall))

        assert bool(ledger.trouble) == (number == signal.SIGSTOP)
    finally:
        holder.kill()
        holder.join()
    ledger._not_before = 0
    turn(ledger)
    assert turn(Ledger(path, wall.now)) == [entry(1, wall)]


def write_many(path, name, count, seed):
    """Write ``count`` pairs of entries, and note in the file's own order what was read."""
    chance = random.Random(seed)
    ledger = Ledger(path, lambda: Moment(time.time()))
    for number in range(count):
        for what in (RESERVED, ANSWERED):
            turn(ledger, Entry(what, f"{name}.{number}", time.time(), "weight", 2))
            if chance.random() < 0.02:
                time.sleep(0.001)


def test_write_by_many_processes_at_once_loses_and_mixes_nothing(tmp_path):
    path = tmp_path / "ledger"
    reader, seen = Ledger(path, lambda: Moment(time.time())), []
    writers = [context.Process(target=write_many, args=(path, f"p{name}", 400, name)) for name in range(4)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen += turn(reader)
        time.sleep(0.002)
    for writer in writers:
        writer.join()
    seen += turn(reader)

    assert [writer.exitcode for writer in writers] == [0] * 4
    for name in range(4):
        mine = [(one.what, one.id) for one in seen if one.id.startswith(f"p{name}.")]
        assert mine == [(what, f"p{name}.{n}") for n in range(400) for what in (RESERVED, ANSWERED)]


def test_turn_costs_a_small_part_of_a_request(tmp_path):
    """0.2 ms is what a request may pay for the ledger; a median of CPU time, not of the wall's."""
    ledger, costs = Ledger(tmp_path / "ledger", time.time), []
    for number in range(500):
        before = time.process_time_ns()
        turn(ledger, Entry(RESERVED, f"s.{number}", time.time(), "weight", 2))
        costs.append(time.process_time_ns() - before)

    assert statistics.median(costs) < 100_000, "nanoseconds; a request takes two turns"
