"""A clock that is a little off is worth a warning, one that is far off stops the update."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from crypto_bt.core.errors import SourceUnavailable
from crypto_bt.sources.clock_skew import check_clock_skew

HERE = datetime(2026, 3, 1, tzinfo=UTC)


def check(seconds, trip=0.2):
    check_clock_skew(HERE + timedelta(seconds=seconds), HERE, HERE + timedelta(seconds=trip))


@pytest.mark.parametrize("seconds", [-0.8, 0, 0.1, 1.0])
def test_check_clock_skew_small_is_silent(caplog, seconds):
    check(seconds)

    assert caplog.records == []


@pytest.mark.parametrize(("seconds", "words"), [(3.1, "3.0 s behind"), (-2.9, "3.0 s ahead of")])
def test_check_clock_skew_above_a_second_warns(caplog, seconds, words):
    with caplog.at_level(logging.WARNING):
        check(seconds)

    assert words in caplog.text


@pytest.mark.parametrize("seconds", [-31, 31, 3600])
def test_check_clock_skew_above_thirty_seconds_stops(seconds):
    with pytest.raises(SourceUnavailable, match="limit 30 s"):
        check(seconds)
