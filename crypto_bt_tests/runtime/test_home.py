"""A home: prepared repeatedly, locked by one writer at a time."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.errors import UsageError
from crypto_bt.runtime.home import Home, with_values

EXAMPLE = "# Base address.\n#EXCHANGE_URL=\n\n# Commission.\n#COMMISSION_BPS=5.0\n"


def test_prepare_twice_keeps_what_a_person_changed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare(EXAMPLE, {"EXCHANGE_URL": "http://127.0.0.1:1"})
    text = home.env_file.read_text()
    home.env_file.write_text(text.replace("#COMMISSION_BPS=5.0", "COMMISSION_BPS=2"))
    (home.dagster / "dagster.yaml").write_text("# mine\n")
    home.prepare(EXAMPLE, {"EXCHANGE_URL": "http://127.0.0.1:2"})
    assert dotenv_values(home.env_file) == {"EXCHANGE_URL": "http://127.0.0.1:2", "COMMISSION_BPS": "2"}
    assert (home.dagster / "dagster.yaml").read_text() == "# mine\n"


def test_prepare_makes_files_that_only_the_owner_reads(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare(EXAMPLE, {})
    assert stat.S_IMODE(home.env_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700


def test_locked_by_one_that_has_not_said_who_it_is_says_another_process(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.prepare(EXAMPLE, {})
    with home.locked("market", "a test"):
        (home.root / "market.lock.holder").unlink()
        with pytest.raises(UsageError, match="in use by another process"), home.locked("market", "two"):
            pass


def test_prepare_where_a_file_stands_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cannot be written.*--home DIR"):
        Home(tmp_path / "file" / "home").prepare(EXAMPLE, {})


paths = st.text(
    st.characters(codec="ascii", categories=("L", "N", "Zs"), include_characters="/._-#$'\"\\"), min_size=1
)


@given(st.dictionaries(st.sampled_from(["EXCHANGE_URL", "NEW_ONE"]), paths.map(str.strip).filter(bool)))
def test_with_values_round_trips_through_dotenv(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str]
) -> None:
    file = tmp_path_factory.mktemp("env") / ".env"
    file.write_text(with_values(EXAMPLE, values))
    assert dotenv_values(file, interpolate=False) == values


def test_locked_while_another_process_writes_names_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    code = (
        "import sys, pathlib; from crypto_bt.runtime.home import Home\n"
        "with Home(pathlib.Path(sys.argv[1])).locked('market', 'run abc'):\n"
        "    print('locked', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        with (
            pytest.raises(UsageError, match=rf"in use by run abc \(process {other.pid}\)"),
            home.locked("market", "me"),
        ):
            pass
        other.communicate("")
    with home.locked("market", "me"):
        assert "me" in (tmp_path / "market.lock.holder").read_text()


def test_locked_after_the_holder_was_killed_is_free(tmp_path: Path) -> None:
    code = (
        "import os, sys, pathlib; from crypto_bt.runtime.home import Home\n"
        "with Home(pathlib.Path(sys.argv[1])).locked('market', 'run abc'):\n"
        "    os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == -9
    with Home(tmp_path).locked("market", "me"):
        assert "me" in (tmp_path / "market.lock.holder").read_text()
