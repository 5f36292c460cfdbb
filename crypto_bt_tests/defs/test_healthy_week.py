"""A simulated week of the real schedules, minute by minute: silence means health."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import pytest
from dagster._utils.schedules import cron_string_iterator

from crypto_bt.core.datasets import CANDLE_DATASETS
from crypto_bt.core.market import Timeframe
from crypto_bt.core.quality import data_age
from crypto_bt.core.verdict import Severity, Verdict
from crypto_bt.defs.asset_specs import market_assets
from crypto_bt.defs.jobs import NOT_INTRADAY
from crypto_bt.defs.schedules import build_schedules

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = timedelta(days=7)
MINUTE = timedelta(minutes=1)
#: How long an update takes until its candles can be seen.
TAKES = timedelta(minutes=3)
MARKET = market_assets(CANDLE_DATASETS)
ASSETS = {"intraday_update": set(MARKET) - NOT_INTRADAY, "data_update": set(MARKET)}


def ticks(start: datetime, end: datetime) -> list[tuple[datetime, str]]:
    """When each of the two updating schedules fires, from their own cron lines."""
    found = []
    for schedule in build_schedules(running=True):
        if schedule.name in ASSETS:
            for moment in cron_string_iterator(start.timestamp(), str(schedule.cron_schedule), "UTC"):
                if moment >= end:
                    break
                found.append((moment.astimezone(UTC), schedule.name))
    return sorted(found)


def walk(missed: Collection[datetime] = ()) -> list[tuple[datetime, Timeframe, Verdict]]:
    """Every verdict of data_age over the week that is not a pass; updates in ``missed`` do not happen."""
    updates = [tick for tick in ticks(MONDAY - timedelta(days=2), MONDAY + WEEK) if tick[0] not in missed]
    newest = dict.fromkeys(Timeframe, MONDAY - timedelta(days=30))
    bad = []
    now = MONDAY - timedelta(days=2)
    while now < MONDAY + WEEK:
        while updates and updates[0][0] + TAKES <= now:
            fired, name = updates.pop(0)
            for timeframe in Timeframe:
                if timeframe.dataset in ASSETS[name]:
                    known = fired if name == "intraday_update" else fired.replace(hour=0, minute=0)
                    newest[timeframe] = max(newest[timeframe], timeframe.floor(known))
        if now >= MONDAY:
            for timeframe in Timeframe:
                verdict = data_age(timeframe, newest[timeframe], now)
                if not verdict.passed:
                    bad.append((now, timeframe, verdict))
        now += MINUTE
    return bad


def intraday_ticks(count: int) -> list[datetime]:
    """The first ``count`` intraday updates after Wednesday 10:00."""
    wednesday = MONDAY + timedelta(days=2, hours=10)
    return [moment for moment, name in ticks(wednesday, wednesday + WEEK) if name == "intraday_update"][
        :count
    ]


def test_data_age_healthy_week_never_warns() -> None:
    assert len(ticks(MONDAY, MONDAY + WEEK)) == 7 * 12 + 7
    assert walk() == []


def test_data_age_one_missed_update_warns_on_the_finest_candles_only() -> None:
    bad = walk(intraday_ticks(1))
    assert {timeframe for _, timeframe, _ in bad} == {Timeframe.M15, Timeframe.H1}
    assert {verdict.severity for _, _, verdict in bad} == {Severity.WARN}


def test_data_age_three_missed_updates_fail_on_the_finest_candles() -> None:
    bad = walk(intraday_ticks(3))
    severities = [verdict.severity for _, timeframe, verdict in bad if timeframe is Timeframe.H1]
    assert severities[0] is Severity.WARN
    assert Severity.ERROR in severities
    assert {t for _, t, verdict in bad if verdict.severity is Severity.ERROR} == {Timeframe.M15, Timeframe.H1}


def test_data_age_verdict_names_value_limit_and_command() -> None:
    now = MONDAY + timedelta(hours=7)
    verdict = data_age(Timeframe.H1, MONDAY, now)
    assert "closed 2026-03-02 00:00 UTC, 7 h ago, limit 6 h" in verdict.text
    assert "crypto-bt data repair --timeframes 1h --start 2026-03-02 --end 2026-03-03" in verdict.text


@pytest.mark.parametrize(
    ("timeframe", "warn", "fail"), [(Timeframe.H1, 3, 6), (Timeframe.H4, 12, 24), (Timeframe.D1, 72, 168)]
)
def test_data_age_limits_are_the_promised_ones(timeframe: Timeframe, warn: int, fail: int) -> None:
    def at(age: float) -> Verdict:
        return data_age(timeframe, MONDAY, MONDAY + timedelta(hours=age))

    assert at(warn).passed
    assert (at(warn + 0.1).passed, at(warn + 0.1).severity) == (False, Severity.WARN)
    assert at(fail).severity is Severity.WARN
    assert at(fail + 0.1).severity is Severity.ERROR
