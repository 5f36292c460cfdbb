"""Bad input and bad moments: one clear sentence, a non-zero exit code, and no trace left."""

import signal
import socket
import time
from pathlib import Path

import psutil
import pytest

from crypto_bt.settings import load_settings
from crypto_bt_tests.command_line import run, start


def wait_for(path: Path) -> None:
    """Wait until ``path`` exists; fails after a minute."""
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.05)


def one_sentence(text: str) -> str:
    """``text`` if it is a single line from us, without a traceback."""
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    assert lines[0].startswith("crypto-bt: ")
    return lines[0]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home."""
    run("init", "--home", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("data", "backfill", "--start", "2026-02-30"), "is not a date"),
        (("data", "backfill", "--start", "2026-02-02", "--end", "2026-02-01"), "is not after --start"),
        (("data", "backfill", "--start", "2999-01-01"), "is in the future"),
        (("data", "backfill", "--start", "2026-01-01", "--symbols", "NOPEUSDT"), "Unknown symbols: NOPEUSDT"),
        (("data", "backfill", "--start", "2026-01-01", "--timeframes", "7h"), "Unknown timeframes: 7h"),
        (("backtest",), "There is nothing to backtest"),
        (("backtest", "--night", "2999-01-01"), "is not over"),
        (("data", "backfill", "--start", "2026-01-01", "--symbols", "²"), "is not a symbol"),
        (("sql", "select * from nope"), "nope"),
        (("data", "export", "out"), "There is nothing to export"),
    ],
)
def test_impossible_request_gets_one_sentence(home: Path, arguments: tuple[str, ...], says: str) -> None:
    before = sorted(home.rglob("*"))
    done = run(*arguments, "--home", str(home), code=1)
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert sorted(home.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("stauts",), "No such command"), (("demo", "--sead", "1"), "--seed"), (("sql",), "Missing argument")],
)
def test_command_written_wrongly_exits_with_2_and_says_what_was_meant(
    arguments: tuple[str, ...], says: str
) -> None:
    assert says in run(*arguments, code=2).stderr


def test_command_on_a_home_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    done = run("status", "--home", str(tmp_path / "nowhere"), code=1)
    assert "crypto-bt init --home" in one_sentence(done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_wrong_settings_are_all_named(home: Path) -> None:
    with (home / ".env").open("a") as file:
        file.write("COVERAGE_MINIMUM=9\nSLIPPAGE=1\n")
    done = run("status", "--home", str(home), code=1)
    assert "2 wrong settings" in done.stderr
    assert "Did you mean SLIPPAGE_BPS?" in done.stderr


def test_status_of_an_empty_home_shows_the_backfill_command_and_is_not_well(home: Path) -> None:
    done = run("status", "--home", str(home), code=3)
    assert "Not loaded yet" in done.stdout
    assert f"crypto-bt data backfill --home {home} --start" in done.stdout


def test_demo_on_a_live_home_is_refused_and_changes_nothing(home: Path) -> None:
    before = (home / ".env").read_bytes()
    done = run("demo", "--symbols", "2", "--home", str(home), code=1)
    assert "is a live home" in one_sentence(done.stderr)
    assert (home / ".env").read_bytes() == before


def test_simulate_of_a_home_that_is_no_demo_says_so(home: Path) -> None:
    assert "is not a demo home" in one_sentence(run("simulate", "--home", str(home), code=1).stderr)


def test_simulate_on_a_taken_port_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("simulate", "--symbols", "1", "--port", str(port), code=1)
    assert f"Port {port}" in one_sentence(done.stderr)


def test_two_demos_at_once_the_second_is_told_and_the_first_finishes(tmp_path: Path) -> None:
    home = tmp_path / "home"
    options = ("demo", "--symbols", "2", "--days", "40", "--home", str(home))
    first = start(*options)
    with first:
        wait_for(home / "service.lock.holder")
        second = run("demo", "--symbols", "1", "--days", "50", "--home", str(home), code=1)
        _, errors = first.communicate(timeout=120)
    assert "is in use by another demo (process" in one_sentence(second.stderr)
    assert first.returncode == 0, errors
    # The second one asked for another market and must not have changed the first one's home.
    assert len(load_settings(home).SYMBOLS) == 2
    assert (home / "results" / "backtest_results.json").is_file()


def test_demo_interrupted_leaves_no_process_and_no_half_made_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = start("demo", "--symbols", "60", "--days", "200", "--home", str(home))
    with process:
        wait_for(home / "market.lock.holder")
        children = psutil.Process(process.pid).children(recursive=True)
        assert any("simulate" in child.cmdline() for child in children)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "stopped" in errors
    assert "Traceback" not in errors
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    assert not home.exists()
