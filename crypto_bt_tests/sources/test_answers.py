"""Which answers are good, which deserve another try, and which are final."""

import json

import pytest

from crypto_bt.core.errors import SourceRefused
from crypto_bt.sources.answers import (
    AddressRefused,
    TooMany,
    Transient,
    check_answer,
    retry_after,
    used_weight,
)


def check(status, body="", headers=None):
    try:
        parsed = json.loads(body)
    except ValueError:
        parsed = None
    return check_answer(status, headers or {}, body, parsed)


def error(code, message="told so"):
    return json.dumps({"code": code, "msg": message})


@pytest.mark.parametrize("body", ["[]", "{}", '{"serverTime": 5}', '{"code": 200, "msg": "success"}'])
def test_check_answer_json_passes(body):
    assert check(200, body) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, ""), (502, "<html>bad gateway</html>"), (503, error(-1008)), (504, ""), (408, ""),
        (400, error(-1000)), (400, error(-1001)), (200, error(-1007)), (400, error(-1015)),
        (200, ""), (200, "<!DOCTYPE html>"), (200, '[[1, "2'),
    ],
)  # fmt: skip
def test_check_answer_failure_that_may_pass_is_transient(status, body):
    with pytest.raises(Transient) as caught:
        check(status, body)
    assert not isinstance(caught.value, TooMany)


@pytest.mark.parametrize(
    ("body", "words"),
    [("", "empty body"), ("<html>", "HTML page"), ("[1,", "malformed JSON of 3 characters")],
)
def test_check_answer_says_what_came_instead_of_json(body, words):
    with pytest.raises(Transient, match=words):
        check(200, body)


@pytest.mark.parametrize(
    ("headers", "pause"), [({"Retry-After": "7"}, 7), ({}, 60), ({"retry-after": "soon"}, 60)]
)
def test_check_answer_429_asks_for_a_pause(headers, pause):
    with pytest.raises(TooMany) as caught:
        check(429, error(-1003), headers)
    assert (caught.value.pause, caught.value.retry_after) == (pause, pause)


def test_check_answer_429_for_very_long_ends_the_session():
    with pytest.raises(AddressRefused, match="wait for 86400 s"):
        check(429, "", {"Retry-After": "86400"})


@pytest.mark.parametrize("status", [403, 451])
def test_check_answer_address_not_served_says_what_to_do(status):
    with pytest.raises(AddressRefused, match=rf"not served .*{status}.*another network.*EXCHANGE_URL"):
        check(status, error(0, "restricted location"))


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (error(-1003, "IP(10.1.2.3) banned until 1773500000000."), {}, "until 2026-03-14 14:53:20 UTC"),
        ("", {"Retry-After": "120"}, "for 120 s"),
        ("", {}, "does not tell"),
    ],
)
def test_check_answer_ban_says_until_when_and_that_nothing_is_retried(body, headers, words):
    with pytest.raises(AddressRefused) as caught:
        check(418, body, headers)
    assert words in str(caught.value)
    assert "Nothing will be asked again" in str(caught.value)
    assert "10.1.2.3" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, error(-1121), "does not list this symbol"),
        (200, error(-1121), "does not list this symbol"),
        (400, error(-1100, "Illegal characters"), "Illegal characters"),
        (404, "<html>", "HTTP 404"),
        (401, "", "HTTP 401"),
    ],
)
def test_check_answer_wrong_question_is_refused_for_this_request_alone(status, body, words):
    with pytest.raises(SourceRefused, match=words) as caught:
        check(status, body)
    assert not isinstance(caught.value, AddressRefused)


def test_check_answer_message_is_cut_and_printable():
    with pytest.raises(SourceRefused) as caught:
        check(400, error(-1100, "\x1b[31m" + "x" * 5000))
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("text", ["", "-5", "1.5", "1e9", "inf", "nan", "²", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_retry_after_that_is_no_whole_number_is_none(text):
    assert retry_after({"Retry-After": text}) is None


@pytest.mark.parametrize(
    ("text", "used"), [("17", 17), ("", None), ("-1", None), ("x", None), ("9" * 50, None)]
)
def test_used_weight_reads_the_header(text, used):
    assert used_weight({"X-MBX-USED-WEIGHT-1M": text}) == used
