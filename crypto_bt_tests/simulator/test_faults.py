"""Each planned fault shows once, at its call, and as it would on the wire."""

import http.client
import json

import pytest

from crypto_bt.simulator.faults import (
    DELIVERY_FAULTS,
    LISTING_FAULTS,
    ROW_FAULTS,
    STATUS_FAULTS,
    Fault,
    FaultKind,
    FaultPlan,
)
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


def calls(faults, queries):
    """The texts of calls in sequence, a status where it is no 200, and the plan."""
    plan = FaultPlan(faults)
    found = []
    with running(market_at(), faults=plan) as exchange:
        for path, query in queries:
            answer = get(exchange.url, path, **query)
            found.append(answer.text if answer.status == 200 else answer.status)
    return found, plan


def spoiled_and_healthy(kind, path=KLINES, query=QUERY, **fault):
    """The JSON of a faulty call and of a good one, and how the fault has shown."""
    (spoiled, healthy), plan = calls([Fault(path, 1, kind, **fault)], [(path, query)] * 2)
    [showing] = plan.shown
    return json.loads(spoiled), json.loads(healthy), showing


def test_fault_plan_counts_by_prefix():
    everywhere = Fault("/fapi", 3, FaultKind.EMPTY)
    klines = Fault(KLINES, 1, FaultKind.HTML)
    time = ("/fapi/v1/time", {})
    found, plan = calls([everywhere, klines], [time, (KLINES, QUERY), time, (KLINES, QUERY)])

    assert plan.fired == [klines, everywhere]
    assert found[1].startswith("<!DOCTYPE")
    assert found[2] == ""
    assert len(json.loads(found[3])) == 50


def test_fault_plan_fault_whose_call_is_taken_shows_at_the_next():
    first, second = Fault(KLINES, 1, FaultKind.EMPTY), Fault(KLINES, 1, FaultKind.BROKEN)
    found, plan = calls([first, second], [(KLINES, QUERY)] * 3)

    assert plan.fired == [first, second]
    assert found[:2] == ["", 500]
    assert len(json.loads(found[2])) == 50


def test_fault_plan_symbol_counts_its_own_calls_alone():
    fault = Fault("/fapi", 2, FaultKind.BROKEN, symbol="SUIUSDT", times=2)
    queries = [(KLINES, {**QUERY, "symbol": name}) for name in ("SUIUSDT", "BTCUSDT") * 4]
    found, plan = calls([fault], queries)

    assert [answer == 500 for answer in found] == [False, False, True, False, True, False, False, False]
    assert plan.fired == [fault] * 2
    assert {showing.symbol for showing in plan.shown} == {"SUIUSDT"}


def test_fault_plan_for_ever_never_stops():
    fault = Fault(KLINES, 2, FaultKind.BAD_GATEWAY, times=None)
    found, plan = calls([fault], [(KLINES, QUERY)] * 5)

    assert found[1:] == [502] * 4
    assert (plan.fired, plan.outstanding) == ([fault] * 4, [])


def test_fault_plan_outstanding_until_it_has_shown_as_often_as_planned():
    fault = Fault(KLINES, 1, FaultKind.BROKEN, times=3)
    _, plan = calls([fault], [(KLINES, QUERY)] * 2)

    assert plan.outstanding == [fault]


def test_fault_that_cannot_show_waits_for_a_call_in_which_it_can():
    fault = Fault("/fapi", 1, FaultKind.HIGH_BELOW_LOW)
    queries = [("/fapi/v1/time", {}), ("/fapi/v1/fundingRate", QUERY | {"limit": 9}), (KLINES, QUERY)]
    found, plan = calls([fault], queries)

    assert [showing.path for showing in plan.shown] == [KLINES]
    assert len(json.loads(found[1])) == 9


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (FaultKind.FORBIDDEN, 403),
        (FaultKind.BROKEN, 500),
        (FaultKind.BAD_GATEWAY, 502),
        (FaultKind.GATEWAY_TIMEOUT, 504),
        (FaultKind.UNKNOWN_SYMBOL, 400),
    ],
)
def test_fault_status_of_a_gateway_or_the_exchange(kind, status):
    faulty, _ = call_three_times(kind)

    assert faulty.status == status
    assert faulty.text.startswith("<html>" if status in (403, 502, 504) else '{"code":')


def test_fault_timeout_says_nothing_until_the_client_goes():
    plan = FaultPlan([Fault(KLINES, 1, FaultKind.TIMEOUT, seconds=60)])
    with running(market_at(), faults=plan) as exchange:
        with pytest.raises(TimeoutError):
            get(exchange.url, KLINES, timeout=0.2, **QUERY)
        assert len(get(exchange.url, KLINES, **QUERY).json) == 50
    assert len(plan.fired) == 1


def test_fault_drip_sends_the_right_bytes_one_by_one():
    faulty, healthy = call_three_times(FaultKind.DRIP, seconds=0)

    assert faulty.text == healthy.text


def test_fault_other_body_is_sent_as_it_is():
    fault = Fault(KLINES, 1, FaultKind.OTHER_BODY, body=b'{"serverTime": NaN')
    found, _ = calls([fault], [(KLINES, QUERY)])

    assert found == ['{"serverTime": NaN']


@pytest.mark.parametrize(
    ("kind", "place", "told"),
    [
        (FaultKind.NAN, 4, "NaN"),
        (FaultKind.INFINITY, 4, "Infinity"),
        (FaultKind.NULL, 4, None),
        (FaultKind.GARBLED, 4, "1,234.5"),
        (FaultKind.ZERO, 4, "0"),
        (FaultKind.NEGATIVE, 4, "-1.5"),
    ],
)
def test_fault_row_has_one_figure_changed(kind, place, told):
    spoiled, healthy, showing = spoiled_and_healthy(kind, row=53)

    assert spoiled[3][place] == told
    healthy[3][place] = told
    assert spoiled == healthy
    assert showing.times == (healthy[3][0],)


def test_fault_row_times_and_forms():
    hour = 3_600_000
    spoiled, healthy, showing = spoiled_and_healthy(FaultKind.MISALIGNED, row=2)
    assert spoiled[2][0] == healthy[2][0] + 90_000 == showing.times[0]
    spoiled, healthy, _ = spoiled_and_healthy(FaultKind.OTHER_TIMEFRAME, row=2)
    assert spoiled[2][6] == healthy[2][6] + hour
    spoiled, healthy, _ = spoiled_and_healthy(FaultKind.TEXT_TIME, row=2)
    assert spoiled[2][0] == str(healthy[2][0])
    spoiled, healthy, _ = spoiled_and_healthy(FaultKind.SHORT_ROW, row=2)
    assert spoiled[2] == healthy[2][:5]
    spoiled, healthy, _ = spoiled_and_healthy(FaultKind.HIGH_BELOW_LOW, row=2)
    assert float(spoiled[2][2]) < float(spoiled[2][3])
    for kind, ahead in ((FaultKind.OPEN_CANDLE, hour), (FaultKind.FUTURE, 2 * hour)):
        spoiled, healthy, showing = spoiled_and_healthy(kind)
        assert spoiled[:-1] == healthy
        assert spoiled[-1][0] == healthy[-1][0] + ahead == showing.times[0]
        assert spoiled[-1][6] == spoiled[-1][0] + hour - 1


def test_fault_rows_as_a_whole():
    spoiled, healthy, _ = spoiled_and_healthy(FaultKind.WRONG_SHAPE)
    assert spoiled == {"rows": healthy}
    spoiled, healthy, _ = spoiled_and_healthy(FaultKind.NESTED)
    assert spoiled == [healthy]
    spoiled, _, _ = spoiled_and_healthy(FaultKind.NO_ROWS)
    assert spoiled == []
    spoiled, healthy, _ = spoiled_and_healthy(FaultKind.DISORDER)
    assert spoiled == healthy[::-1]
    spoiled, healthy, _ = spoiled_and_healthy(FaultKind.DUPLICATE, row=4)
    assert spoiled == [*healthy, healthy[4]]
    spoiled, healthy, showing = spoiled_and_healthy(FaultKind.GAP, row=4)
    assert spoiled == healthy[:4] + healthy[5:]
    assert showing.times == (healthy[4][0],)
    spoiled, _, _ = spoiled_and_healthy(FaultKind.WRONG_SHAPE, "/fapi/v1/time", {})
    assert isinstance(spoiled, list)


@pytest.mark.parametrize("row", range(0, 50, 7))
def test_fault_revised_row_is_another_and_possible(row):
    spoiled, healthy, _ = spoiled_and_healthy(FaultKind.REVISED, row=row)
    o, high, low, c = (float(price) for price in spoiled[row][1:5])
    true = [float(price) for price in healthy[row][1:5]]

    assert low <= min(o, c) <= max(o, c) <= high
    assert [o, high, low, c] != true
    assert (o, c) == pytest.approx((true[0], true[3]), rel=0.002)
    spoiled[row] = healthy[row]
    assert spoiled == healthy
    twice, healthy, _ = spoiled_and_healthy(FaultKind.CONFLICT, row=row)
    assert twice[:-1] == healthy
    assert (twice[-1][0], twice[-1] == healthy[row]) == (healthy[row][0], False)


@pytest.mark.parametrize(
    ("path", "key"),
    [("/fapi/v1/fundingRate", "fundingRate"), ("/futures/data/openInterestHist", "sumOpenInterest")],
)
def test_fault_rows_that_are_objects(path, key):
    query = {"symbol": "BTCUSDT", "period": "1h", "limit": 20}
    spoiled, healthy, showing = spoiled_and_healthy(FaultKind.REVISED, path, query, row=5)
    assert float(spoiled[5][key]) != float(healthy[5][key])
    assert showing.times == (healthy[5].get("fundingTime", healthy[5].get("timestamp")),)
    spoiled, _, _ = spoiled_and_healthy(FaultKind.OTHER_SYMBOL, path, query, row=5)
    assert spoiled[5]["symbol"] == "BTCUSDTX"


def test_fault_listings_settle_or_hide_one_symbol():
    path = "/fapi/v1/exchangeInfo"
    spoiled, healthy, _ = spoiled_and_healthy(FaultKind.DELISTED, path, {}, symbol="SUIUSDT")
    changed = [now for now, then in zip(spoiled["symbols"], healthy["symbols"], strict=True) if now != then]
    assert [(entry["symbol"], entry["status"]) for entry in changed] == [("SUIUSDT", "SETTLING")]
    spoiled, healthy, _ = spoiled_and_healthy(FaultKind.UNLISTED, path, {}, symbol="SUIUSDT")
    assert {entry["symbol"] for entry in healthy["symbols"]} - {"SUIUSDT"} == {
        entry["symbol"] for entry in spoiled["symbols"]
    }
    spoiled, _, _ = spoiled_and_healthy(FaultKind.NO_LISTINGS, path, {})
    assert spoiled["symbols"] == []


def test_fault_clock_is_off_by_the_seconds_said():
    path = "/fapi/v1/time"
    spoiled, healthy, _ = spoiled_and_healthy(FaultKind.CLOCK_SKEW, path, {}, seconds=-300)

    assert spoiled["serverTime"] == healthy["serverTime"] - 300_000


def test_fault_kinds_are_each_of_one_place():
    places = (STATUS_FAULTS, DELIVERY_FAULTS, LISTING_FAULTS, ROW_FAULTS, {FaultKind.OTHER_BODY})

    assert sum(map(len, places)) == len(FaultKind)
    assert frozenset().union(*places) == set(FaultKind)
