"""Which night is which, at whatever hour nights begin."""

from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from crypto_bt.core.night import cutoff_of, history_begins, knowable_at, last_due_night

START = datetime(2020, 1, 1, tzinfo=UTC)
MOMENTS = st.timedeltas(timedelta(), timedelta(days=3650)).map(lambda span: START + span)
HOURS = st.integers(0, 23).map(lambda hour: time(hour, 30))


@given(now=MOMENTS, at=HOURS)
def test_last_due_night_has_begun_and_the_next_has_not(now: datetime, at: time) -> None:
    night = last_due_night(now, at)
    assert cutoff_of(night, at) <= now < cutoff_of(night + timedelta(days=1), at)
    assert knowable_at(night, now, at) == cutoff_of(night, at)


def test_history_begins_with_the_period_and_what_warms_up() -> None:
    cutoff, start = datetime(2026, 11, 21, 23, 30, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)
    spans = {"days": 90, "warm_up": timedelta(hours=4 * 250)}
    assert history_begins(cutoff, start, days=0, warm_up=timedelta()) == start
    assert history_begins(cutoff, None, **spans) == datetime(2026, 7, 13, tzinfo=UTC)
    assert history_begins(cutoff, start, **spans) == datetime(2026, 7, 13, tzinfo=UTC)
    assert history_begins(cutoff, cutoff, **spans) == cutoff
