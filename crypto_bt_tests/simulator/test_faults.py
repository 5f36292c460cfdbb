"""Each planned fault shows once, at its call, and as it would on the wire."""

import http.client
import json

import pytest

from crypto_bt.simulator.faults import Fault, FaultKind, FaultPlan
from crypto_bt.simulator.serving import running
from crypto_bt_tests.simulator.calls import get, market_at

KLINES = "/fapi/v1/klines"
QUERY = {"symbol": "BTCUSDT", "interval": "1h", "limit": 50}


def call_three_times(kind, seconds=1.0):
    """The answers (or errors) of three calls of which the second is faulty."""
    fault = Fault(KLINES, 2, kind, seconds)
    plan = FaultPlan([fault])
    answers = []
    with running(market_at(), faults=plan) as exchange:
        get(exchange.url, "/fapi/v1/time")
        for _ in range(3):
            try:
                answers.append(get(exchange.url, KLINES, **QUERY))
            except (OSError, http.client.HTTPException) as error:
                answers.append(error)
    assert plan.fired == [fault]
    assert answers[0].text == answers[2].text
    assert len(answers[0].json) == 50
    return answers[1], answers[0]


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        (FaultKind.TOO_MANY, 429, -1003),
        (FaultKind.BANNED, 418, -1003),
        (FaultKind.RESTRICTED, 451, 0),
        (FaultKind.OVERLOADED, 503, -1008),
    ],
)
def test_fault_status_has_the_body_of_the_exchange(kind, status, code):
    faulty, _ = call_three_times(kind, seconds=7)

    assert (faulty.status, faulty.json["code"]) == (status, code)
    assert faulty.headers.get("Retry-After") == ("7" if status in (429, 418) else None)
    assert faulty.headers["X-MBX-USED-WEIGHT-1M"] == "3"


def test_fault_html_is_a_page_with_status_200():
    faulty, _ = call_three_times(FaultKind.HTML)

    assert faulty.status == 200
    assert faulty.headers["Content-Type"].startswith("text/html")
    assert "<html" in faulty.text


def test_fault_empty_is_an_empty_body_with_status_200():
    faulty, _ = call_three_times(FaultKind.EMPTY)

    assert (faulty.status, faulty.text) == (200, "")


def test_fault_malformed_is_complete_on_the_wire_but_no_json():
    faulty, healthy = call_three_times(FaultKind.MALFORMED)

    assert faulty.status == 200
    assert healthy.text.startswith(faulty.text)
    with pytest.raises(json.JSONDecodeError):
        json.loads(faulty.text)


def test_fault_reset_breaks_the_connection():
    faulty, _ = call_three_times(FaultKind.RESET)

    assert isinstance(faulty, ConnectionResetError | http.client.IncompleteRead)


def test_fault_truncated_ends_before_the_promised_length():
    faulty, healthy = call_three_times(FaultKind.TRUNCATED)

    assert isinstance(faulty, http.client.IncompleteRead)
    assert 0 < len(faulty.partial) < len(healthy.text)


def test_fault_slow_still_answers_in_full():
    faulty, healthy = call_three_times(FaultKind.SLOW, seconds=0.01)

    assert faulty.text == healthy.text


def test_fault_plan_counts_by_prefix():
    everywhere = Fault("/fapi", 3, FaultKind.EMPTY)
    klines = Fault(KLINES, 1, FaultKind.HTML)
    plan = FaultPlan([everywhere, klines])

    assert [plan.next_for(path) for path in ("/fapi/v1/time", KLINES, "/fapi/v1/time", KLINES)] == [
        None,
        klines,
        everywhere,
        None,
    ]
