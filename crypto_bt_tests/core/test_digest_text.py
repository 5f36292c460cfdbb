"""The digest's text: what was stopped on purpose is said, and is no trouble."""

from dataclasses import replace
from datetime import UTC, date, datetime

from crypto_bt.core.digest import CandleLine, DigestFacts, write_digest
from crypto_bt.core.holds import NIGHT

FACTS = DigestFacts(
    now=datetime(2026, 11, 22, 4, tzinfo=UTC),
    home="data/live",
    candles=[CandleLine("1h", 0.9, 60, 60, well=True)],
    feeds=9,
    night=date(2026, 11, 20),
    stale="night of 2026-11-21: it has not run",
    free=50_000_000_000,
    disk=100_000_000_000,
    more=["Newest backup: 4 h old, of snapshot abc."],
)


def test_stale_night_is_not_well() -> None:
    text = write_digest(FACTS).plain
    assert "Not all is well" in text
    assert "Not replaced since: night of 2026-11-21" in text
    assert "Newest backup: 4 h old" in text


def test_night_that_a_person_paused_is_said_and_all_is_well() -> None:
    off = {NIGHT: "nightly_backtest is off since 2026-11-21 09:00 UTC by anna: deployment."}
    text = write_digest(replace(FACTS, off=off)).plain
    assert "All is well" in text
    assert "Not all" not in text
    assert "off since 2026-11-21 09:00 UTC by anna" in text
    assert "Not replaced" not in text


def test_other_thing_that_is_off_does_not_excuse_the_night() -> None:
    text = write_digest(replace(FACTS, off={"catch_up": "catch_up is off since then by anna."})).plain
    assert "Not all is well" in text
    assert "catch_up is off" in text
