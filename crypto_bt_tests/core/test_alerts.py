"""The alert as a value: one id for one trouble, and the way through JSON and back."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.errors import UsageError

ALERT = Alert(
    cause="gap_not_filled",
    severity=AlertSeverity.WARNING,
    what="3 candles are missing.",
    where="gap 2026-03-01-1a2b3c4d",
    value="3",
    limit="0",
    since=datetime(2026, 3, 2, 4, 5, tzinfo=UTC),
    command="crypto-bt data repair",
)


def test_id_same_cause_and_place_the_same_whatever_else_is_said() -> None:
    later = replace(ALERT, value="7", what="More.", since=ALERT.since + timedelta(days=1), resolved=True)
    assert later.id == ALERT.id
    assert len(ALERT.id) == 10


@pytest.mark.parametrize("change", [{"cause": "gap"}, {"where": "gap 2026-03-02-1a2b3c4d"}])
def test_id_other_cause_or_place_differs(change: dict[str, str]) -> None:
    assert replace(ALERT, **change).id != ALERT.id  # type: ignore[arg-type]


def test_as_resolved_keeps_the_id() -> None:
    over = ALERT.as_resolved()
    assert over.resolved
    assert (over.id, over.what) == (ALERT.id, ALERT.what)


@given(
    texts=st.fixed_dictionaries(
        {name: st.text() for name in ("cause", "what", "where", "value", "limit", "command")}
    ),
    severity=st.sampled_from(AlertSeverity),
    since=st.datetimes(timezones=st.just(UTC)),
    resolved=st.booleans(),
)
def test_from_json_of_any_alert_gives_it_back(
    texts: dict[str, str], severity: AlertSeverity, since: datetime, resolved: bool
) -> None:
    alert = Alert(**texts, severity=severity, since=since, resolved=resolved)
    text = alert.to_json()
    assert "\n" not in text
    assert Alert.from_json(text) == alert
    assert json.loads(text)["id"] == alert.id


def test_to_json_other_timezone_is_told_in_utc() -> None:
    east = replace(ALERT, since=ALERT.since.astimezone(timezone(timedelta(hours=5))))
    assert east.to_json() == ALERT.to_json()


def test_from_json_unknown_keys_ignored() -> None:
    assert Alert.from_json(json.dumps({**json.loads(ALERT.to_json()), "sent_at": "x"})) == ALERT


@pytest.mark.parametrize(
    "change",
    [
        {"severity": "loud"},
        {"since": "yesterday"},
        {"since": "2026-03-01T00:00:00"},
        {"since": 5},
        {"what": None},
        {"resolved": "no"},
        {"where": ...},
    ],
)
def test_from_json_damaged_refused(change: dict[str, object]) -> None:
    told = {
        key: value for key, value in {**json.loads(ALERT.to_json()), **change}.items() if value is not ...
    }
    with pytest.raises(UsageError, match="is not an alert"):
        Alert.from_json(json.dumps(told))


@pytest.mark.parametrize("text", ["", "null", "[]", "7", '{"id": "', "[" * 5000])
def test_from_json_no_object_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not an alert"):
        Alert.from_json(text)
