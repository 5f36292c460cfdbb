"""Five tries, and the waits between them."""

import asyncio

import pytest

from crypto_bt.core.errors import SourceRefused, SourceUnavailable
from crypto_bt.sources.answers import Transient
from crypto_bt.sources.retrying import wait_before_retry, with_retries
from crypto_bt_tests.sources.fake_time import FakeTime


def attempt(errors, chance=0.0):
    """Outcome, sleeps, waits told: of a call that raises each of ``errors`` in turn, then answers 42."""
    time, told, pending = FakeTime(), [], list(errors)

    async def ask():
        if pending:
            raise pending.pop(0)
        return 42

    async def run():
        return await with_retries(
            ask,
            what="BTCUSDT",
            sleep=time.sleep,
            chance=lambda: chance,
            on_retry=lambda *said: told.append(said),
        )

    try:
        outcome = asyncio.run(run())
    except Exception as error:  # noqa: BLE001
        outcome = error
    assert [seconds for seconds, _ in told] == time.sleeps
    for number, (seconds, what) in enumerate(told):
        assert what.startswith("BTCUSDT: ")
        assert what.endswith(f"; try {number + 2} of 5 in {seconds:.0f} s.")
    return outcome, time.sleeps, len(pending)


def test_with_retries_answers_after_four_failures():
    assert attempt([Transient("down")] * 4) == (42, [5, 15, 45, 45], 0)


def test_with_retries_gives_up_after_five():
    outcome, sleeps, _ = attempt([Transient("down")] * 9)

    assert isinstance(outcome, SourceUnavailable)
    assert str(outcome).startswith("BTCUSDT: down; tried 5 times.")
    assert sleeps == [5, 15, 45, 45]


def test_with_retries_jitter_lengthens_by_up_to_a_tenth():
    _, sleeps, _ = attempt([Transient("down")] * 4, chance=0.5)

    assert sleeps == pytest.approx([5.25, 15.75, 47.25, 47.25])


def test_with_retries_final_error_is_not_repeated():
    outcome, sleeps, left = attempt([SourceRefused("no"), Transient("down")])

    assert (type(outcome), sleeps, left) == (SourceRefused, [], 1)


@pytest.mark.parametrize(("asked", "wait"), [(None, 5), (0, 5), (3, 5), (60, 60)])
def test_wait_before_retry_is_retry_after_if_that_is_longer(asked, wait):
    assert wait_before_retry(1, asked, 0.0) == wait
