"""What is held stays held, whatever happens to the file in between."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.crashes import Crash
from crypto_bt.core.errors import UsageError
from crypto_bt.core.holds import CATCH_UP, NIGHT, Hold, from_json, to_json
from crypto_bt.store.crash_ledger import FILE as LEDGER
from crypto_bt.store.crash_ledger import read_crashes, record_crash, record_resumed
from crypto_bt.store.holds import FILE, lift_holds, place_hold, read_holds

NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)
HOLD = Hold(NIGHT, NOW, "anna", "deployment")


def test_who_held_first_is_kept_until_it_is_lifted(tmp_path: Path) -> None:
    assert place_hold(tmp_path, HOLD)
    assert not place_hold(tmp_path, Hold(NIGHT, NOW + timedelta(hours=1), "the breaker"))
    assert place_hold(tmp_path, Hold(CATCH_UP, NOW, "ben"))
    assert read_holds(tmp_path)[NIGHT] == HOLD
    assert lift_holds(tmp_path, [NIGHT]) == [HOLD]
    assert set(read_holds(tmp_path)) == {CATCH_UP}
    assert lift_holds(tmp_path, [NIGHT]) == []


def test_file_is_the_owners_alone(tmp_path: Path) -> None:
    place_hold(tmp_path, HOLD)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_file_that_cannot_be_read_is_an_error_until_somebody_writes_anew(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("{half")
    with pytest.raises(UsageError, match="crypto-bt pause"):
        read_holds(tmp_path)
    place_hold(tmp_path, HOLD)
    assert read_holds(tmp_path) == {NIGHT: HOLD}
    assert (tmp_path / f"{FILE}.unreadable").read_text() == "{half"


@given(st.text(max_size=60), st.text(max_size=60))
def test_holds_read_back_as_they_were_written(by: str, reason: str) -> None:
    hold = Hold(NIGHT, NOW, by, reason)
    assert from_json(to_json({NIGHT: hold})) == {NIGHT: hold}


@given(st.text(max_size=80))
def test_any_other_text_is_refused_in_a_sentence(text: str) -> None:
    if text.strip() == "{}":
        assert from_json(text) == {}
        return
    with pytest.raises(UsageError, match="crypto-bt resume"):
        from_json(text)


def test_crashes_are_read_in_order_and_a_line_cut_off_costs_only_itself(tmp_path: Path) -> None:
    assert read_crashes(tmp_path) == ([], None)
    crashes = [Crash(NOW + timedelta(hours=hour), "2026-11-21", f"crash {hour}") for hour in range(3)]
    record_crash(tmp_path, crashes[0])
    with (tmp_path / LEDGER).open("a") as ledger:
        ledger.write('{"time": "2026-11-2')
    record_crash(tmp_path, crashes[1])
    record_resumed(tmp_path, NOW + timedelta(hours=1, minutes=1))
    record_crash(tmp_path, crashes[2])
    assert read_crashes(tmp_path) == (crashes, NOW + timedelta(hours=1, minutes=1))
