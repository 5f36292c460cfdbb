"""What a person, the breaker or the live trader stopped stays stopped, in schedules, sensors and runs."""

import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import filelock
import pytest
from dagster._core.scheduler.instigation import InstigatorStatus
from typer.testing import CliRunner

from crypto_bt.alerts import database
from crypto_bt.cli import app
from crypto_bt.core.alerts import AlertSeverity
from crypto_bt.core.crashes import BY
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.holds import NIGHT, Hold
from crypto_bt.defs.alert_sensors import deliver_alerts
from crypto_bt.defs.execute import open_instance
from crypto_bt.defs.night_process import NightCrashed
from crypto_bt.defs.night_sensor import build_night_catch_up_sensor
from crypto_bt.defs.night_watch import TRADER_GUARD, note_end
from crypto_bt.defs.schedules import build_schedules
from crypto_bt.settings import load_settings
from crypto_bt.store.holds import lift_holds, place_hold, read_holds
from crypto_bt_tests.alerts.samples import critical
from crypto_bt_tests.defs.desk_home import DeskHome, desk_home
from crypto_bt_tests.defs.test_catch_up import switch
from crypto_bt_tests.defs.test_nightly_job import NIGHT as DUE
from crypto_bt_tests.defs.test_nightly_job import SYMBOLS, loaded

loaded_home = loaded
DAY = "2026-03-10"


@pytest.fixture
def home(loaded: Path, tmp_path: Path) -> Iterator[DeskHome]:
    shutil.copytree(loaded, tmp_path / "home")
    with desk_home(tmp_path / "home", SYMBOLS, DUE) as made:
        yield made


def scheduled(home: DeskHome) -> dg.RunRequest | dg.SkipReason:
    [schedule] = [each for each in build_schedules(running=True) if each.name == "nightly_backtest"]
    with open_instance(home.desk.home) as instance:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=home.clock.now, resources={"desk": home.desk}
        )
        asked = schedule(context)
    assert isinstance(asked, dg.RunRequest | dg.SkipReason)
    return asked


def caught_up(home: DeskHome) -> dg.RunRequest | str:
    """What night_catch_up asks for now, or why nothing."""
    with open_instance(home.desk.home) as instance:
        context = dg.build_sensor_context(instance=instance, resources={"desk": home.desk})
        asked = build_night_catch_up_sensor(running=True)(context)
    return asked if isinstance(asked, dg.RunRequest) else asked.skip_message


def command(home: DeskHome, *arguments: str) -> str:
    done = CliRunner().invoke(app, [*arguments, "--home", str(home.desk.home.root)])
    assert done.exit_code == 0, f"{done.output}\n{done.exception!r}"
    return done.output


def night_is_cancelled(home: DeskHome) -> None:
    with pytest.raises(KeyboardInterrupt):
        home.night(DAY)
    with open_instance(home.desk.home) as instance:
        [run] = instance.get_runs(dg.RunsFilter(job_name="nightly_backtest"), limit=1)
    assert run.status is dg.DagsterRunStatus.CANCELED
    assert home.desk.results.night(DUE.date()) is None


def test_paused_night_is_not_started_by_anything_until_it_is_resumed(home: DeskHome) -> None:
    assert "deployment" in command(home, "pause", "--reason", "deployment")
    asked = scheduled(home)
    assert isinstance(asked, dg.SkipReason)
    assert "off since 2026-03-10 23:30 UTC by" in asked.skip_message
    home.clock.now += timedelta(minutes=30)
    assert "off since" in str(caught_up(home))
    night_is_cancelled(home)
    home.clock.now += timedelta(minutes=30)
    assert "stopped by a person" in str(caught_up(home))
    assert "runs again" in command(home, "resume")
    assert isinstance(scheduled(home), dg.RunRequest)
    assert home.night(DAY).success
    assert home.desk.alerts.recent(DUE - timedelta(days=1)) == []


def test_backtest_enabled_0_in_the_homes_env_stops_it_without_a_restart(home: DeskHome) -> None:
    env = home.desk.home.root / ".env"
    env.write_text(env.read_text() + "\nBACKTEST_ENABLED=0\n")
    asked = scheduled(home)
    assert isinstance(asked, dg.SkipReason)
    assert "BACKTEST_ENABLED=1" in asked.skip_message
    night_is_cancelled(home)
    env.write_text(env.read_text().replace("BACKTEST_ENABLED=0", "BACKTEST_ENABLED=1"))
    assert isinstance(scheduled(home), dg.RunRequest)


def test_three_days_off_and_on_again_starts_one_night_and_only_within_the_window(home: DeskHome) -> None:
    command(home, "pause")
    for _ in range(3 * 24):
        assert isinstance(caught_up(home), str)
        home.clock.now += timedelta(hours=1)
    command(home, "resume")
    assert "There are no candles of the night of 2026-03-13 yet" in str(caught_up(home))
    home.clock.now = DUE + timedelta(hours=12)
    assert "was missed, and it is not 23:30 to 05:00 UTC" in str(caught_up(home))
    home.clock.now = DUE + timedelta(hours=5, minutes=29)
    assert isinstance(caught_up(home), dg.RunRequest)


def test_missed_night_is_started_by_the_sensor_once_and_three_times_when_it_fails(home: DeskHome) -> None:
    home.clock.now = DUE + timedelta(minutes=9)
    assert isinstance(caught_up(home), str)
    home.clock.now = DUE + timedelta(minutes=10)
    asked = caught_up(home)
    assert isinstance(asked, dg.RunRequest)
    assert (asked.run_key, asked.partition_key) == ("night 2026-03-10 attempt 1", DAY)
    assert home.night(DAY).success
    home.clock.now += timedelta(hours=1)
    assert caught_up(home) == "The night of 2026-03-10 is done."


def test_schedule_that_is_switched_off_in_the_web_ui_keeps_the_sensor_from_starting_it(
    home: DeskHome,
) -> None:
    home.clock.now = DUE + timedelta(minutes=20)
    switch(home, "nightly_backtest", InstigatorStatus.STOPPED)
    assert "the schedule nightly_backtest is switched off" in str(caught_up(home))


def test_live_trader_that_is_not_running_holds_the_nights_with_one_alert(home: DeskHome) -> None:
    root = home.desk.home.root
    env = root / ".env"
    env.write_text(env.read_text() + f"\nLIVE_TRADING_PIDFILE={root / 'trader.pid'}\n")
    desk = replace(home.desk, settings=load_settings(root))
    for _ in range(2):
        assert not DeskHome(desk, home.clock).night(DAY).success
        assert read_holds(root)[NIGHT].by == TRADER_GUARD
    [alert] = desk.alerts.recent(DUE - timedelta(days=1))
    assert alert.severity is AlertSeverity.CRITICAL
    assert "crypto-bt resume" in alert.command
    command(home, "resume")
    assert [word.resolved for word in desk.alerts.recent(DUE - timedelta(days=1))] == [False, True]


def test_third_crash_in_a_day_opens_the_breaker_once_and_resume_closes_it(home: DeskHome) -> None:
    crash = NightCrashed("The night's process was killed by signal 9.")
    for number in range(4):
        note_end(home.desk, DUE.date(), crash, DUE + timedelta(minutes=number))
        assert (NIGHT in read_holds(home.desk.home.root)) == (number >= 2)
    [alert] = home.desk.alerts.recent(DUE - timedelta(days=1))
    assert alert.severity is AlertSeverity.CRITICAL
    assert read_holds(home.desk.home.root)[NIGHT].by == BY
    assert isinstance(scheduled(home), dg.SkipReason)
    home.clock.now = DUE + timedelta(minutes=10)
    command(home, "resume")
    told = home.desk.alerts.recent(DUE - timedelta(days=1))
    assert [(word.cause, word.resolved) for word in told[1:]] == [("backtest_crashes", True)]
    note_end(home.desk, DUE.date(), crash, DUE + timedelta(hours=30))
    assert read_holds(home.desk.home.root) == {}


def standing(home: DeskHome) -> list[str]:
    """The causes of what stands after the outbox's sensor has looked."""
    with open_instance(home.desk.home) as instance:
        deliver_alerts(instance, home.desk, None)
    return [trouble.alert.cause for trouble in home.desk.alerts.history.standing()]


def test_third_crash_while_the_outbox_is_locked_is_told_as_soon_as_it_is_free(
    home: DeskHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE_SECONDS", 0.1)
    assert standing(home) == []
    crash = NightCrashed("The night's process was killed by signal 9.")
    locked = sqlite3.connect(home.desk.home.root / "outbox.db", isolation_level=None)
    locked.execute("BEGIN EXCLUSIVE")
    for number in range(3):
        note_end(home.desk, DUE.date(), crash, DUE + timedelta(minutes=number))
    assert read_holds(home.desk.home.root)[NIGHT].by == BY
    with pytest.raises(CryptoBtError, match="locked"):
        home.desk.alerts.send(critical())
    locked.execute("ROLLBACK")
    locked.close()
    assert standing(home) == ["backtest_crashes"]
    assert standing(home) == ["backtest_crashes"]
    [trouble] = home.desk.alerts.history.standing()
    assert (trouble.count, trouble.alert.severity) == (1, AlertSeverity.CRITICAL)
    assert "three crashes in 24 hours" in trouble.alert.what


@pytest.mark.parametrize(("by", "cause"), [(BY, "backtest_crashes"), (TRADER_GUARD, "live_trader")])
def test_hold_whose_safeguard_was_killed_before_it_told_is_told_and_its_end(
    home: DeskHome, by: str, cause: str
) -> None:
    root = home.desk.home.root
    assert place_hold(root, Hold(NIGHT, DUE, by, "why"))
    assert standing(home) == [cause]
    # Whoever resumes is killed before it tells.
    lift_holds(root, [NIGHT])
    assert standing(home) == []
    assert place_hold(root, Hold(NIGHT, DUE, "anna", "deployment"))
    assert standing(home) == []


def test_second_night_at_once_is_refused_and_the_first_is_not_disturbed(home: DeskHome) -> None:
    with filelock.FileLock(home.desk.home.root / "night.lock"):
        outcome = home.night(DAY)
    assert not outcome.success
    assert "under way" in outcome.why
    assert read_holds(home.desk.home.root) == {}


def test_pausing_what_cannot_be_paused_is_refused(home: DeskHome) -> None:
    done = CliRunner().invoke(app, ["pause", "everything", "--home", str(home.desk.home.root)])
    assert "Choose from nightly_backtest, catch_up" in str(done.exception)


def test_paused_catch_up_fetches_nothing(home: DeskHome) -> None:
    command(home, "pause", "catch_up")
    home.clock.now = datetime(2026, 3, 11, 0, 30, tzinfo=UTC)
    assert "catch_up is off since" in str(caught_up(home))
