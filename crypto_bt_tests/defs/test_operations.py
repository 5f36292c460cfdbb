"""Backup, compaction and drill as Dagster runs them, on a home filled from a loopback exchange."""

import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from crypto_bt.core.alerts import AlertSeverity
from crypto_bt.core.errors import StoreError
from crypto_bt.defs.backing_up import check_disk, local_place
from crypto_bt.defs.backup_sensor import build_backup_sensor
from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.execute import JobOutcome, open_instance, run_job
from crypto_bt.defs.jobs import build_jobs
from crypto_bt.defs.resources import Desk
from crypto_bt.store.backup import verify_backups
from crypto_bt.store.backup_manifests import backup_names
from crypto_bt.store.recovery_ledger import RecoveryLedger
from crypto_bt_tests.defs.desk_home import DeskHome, desk_home

NOW = datetime(2026, 11, 18, 12, 7, tzinfo=UTC)
SUNDAY = datetime(2026, 11, 22, 3, tzinfo=UTC)
SYMBOLS = ("BTCUSDT", "ETHUSDT")
SEED = 3


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskHome]:
    """A home with 10 days of two symbols."""
    with desk_home(tmp_path_factory.mktemp("home"), SYMBOLS, NOW) as home:
        assert home.update(days=10).success
        yield home


@pytest.fixture
def home(filled: DeskHome, tmp_path: Path) -> Iterator[DeskHome]:
    """A copy of it, whose clock stands where the other's stood."""
    filled.clock.now = NOW
    root = tmp_path / "home"
    shutil.copytree(filled.desk.home.root, root)
    settings = filled.desk.settings.model_copy(update={"CRYPTO_BT_HOME": root})
    yield DeskHome(replace(Desk.open(settings), clock=filled.clock), filled.clock)
    filled.clock.now = NOW


def back_up(home: DeskHome) -> JobOutcome:
    return run_job("backup", home.desk)


def tick(home: DeskHome, cursor: str | None = None) -> dg.SensorResult:
    """What backup_due asks for."""
    sensor = build_backup_sensor(
        build_jobs(home.desk.settings.candle_datasets, home.desk.settings.job_limit), running=True
    )
    with open_instance(home.desk.home) as instance:
        context = dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            resources={"desk": home.desk},
            repository_def=build_definitions(home.desk).get_repository_def(),
        )
        result = sensor(context)
    assert isinstance(result, dg.SensorResult)
    return result


def flip_an_object(home: DeskHome, dataset: str = "candles_1h") -> Path:
    current = home.desk.store.current()
    assert current is not None
    ref = current.of(dataset)[-1]
    path = home.desk.store.root / "objects" / f"{ref.sha256}.parquet"
    data = bytearray(path.read_bytes())
    data[random.Random(SEED).randrange(len(data))] ^= 1
    path.write_bytes(data)
    return path


def test_backup_then_drill_with_the_same_backtest(home: DeskHome) -> None:
    made = back_up(home)
    assert made.success, made.why
    figures = made.metadata["backup"]
    assert figures["market_bytes"] > 0
    assert figures["copied_bytes"] > 0
    assert figures["recovered"] == 0
    assert figures["reference backtest"] != "too little data"
    assert "No copy off this machine" in figures["off this machine"]
    proved = run_job("restore_drill", home.desk)
    assert proved.success, proved.why
    drill = proved.metadata["restore_drill"]
    assert drill["same_backtest"] == 1
    assert drill["rows"] > 0
    assert not (home.desk.home.root / "work" / "drill").exists()


def test_drill_of_a_damaged_backup_fails_and_says_so(home: DeskHome) -> None:
    assert back_up(home).success
    place = local_place(home.desk)
    market = [path for path in (place.root / "objects").iterdir() if path.suffix != ".z"]
    victim = max(market, key=lambda path: path.stat().st_size)
    victim.write_bytes(victim.read_bytes()[:-1])
    proved = run_job("restore_drill", home.desk)
    assert not proved.success
    assert "is corrupt" in proved.why


def test_offsite_copy_once_a_week_and_the_monthly_drill_from_it_alone(home: DeskHome, tmp_path: Path) -> None:
    away = tmp_path / "away"
    settings = home.desk.settings.model_copy(update={"BACKUP_OFFSITE_DIR": str(away)})
    desk = replace(home.desk, settings=settings)
    first = run_job("backup", desk)
    assert first.metadata["backup"]["offsite_copied_bytes"] > 0
    assert "same disk" in first.metadata["backup"]["off this machine"]
    home.clock.now = NOW + timedelta(days=1)
    assert run_job("backup", desk).metadata["backup"]["offsite_copied_bytes"] == 0
    shutil.rmtree(local_place(desk).root)
    home.clock.now = datetime(2026, 12, 6, 5, tzinfo=UTC)
    proved = run_job("restore_drill", desk)
    assert proved.success, proved.why
    assert proved.metadata["restore_drill"]["place"] == str(away)


def test_offsite_place_that_is_gone_is_a_remark_and_the_local_backup_is_made(
    home: DeskHome, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    settings = home.desk.settings.model_copy(update={"BACKUP_OFFSITE_DIR": str(tmp_path / "file")})
    made = run_job("backup", replace(home.desk, settings=settings))
    assert made.success, made.why
    assert "cannot be reached" in made.metadata["backup"]["off this machine"]
    assert len(backup_names(local_place(home.desk))) == 1


def test_damage_is_mended_told_and_resolved(home: DeskHome) -> None:
    assert back_up(home).success
    before = home.desk.store.read("candles_1h")
    flip_an_object(home)
    home.clock.now = NOW + timedelta(hours=2)
    result = tick(home)
    assert [request.job_name for request in result.run_requests or []] == ["backup"]
    mended = back_up(home)
    assert mended.success, mended.why
    assert mended.metadata["backup"]["recovered"] == 1
    assert home.desk.store.read("candles_1h").equals(before)
    alerts = home.desk.alerts.recent(NOW - timedelta(days=1))
    assert [(alert.severity, alert.resolved) for alert in alerts] == [
        (AlertSeverity.CRITICAL, False),
        (AlertSeverity.CRITICAL, True),
    ]
    assert "copy from a backup" in alerts[0].what


def test_rows_in_no_backup_are_fetched_again_by_the_sensor_and_identical(home: DeskHome) -> None:
    before = home.desk.store.read("candles_1h")
    flip_an_object(home)
    assert back_up(home).success
    after = home.desk.store.read("candles_1h")
    assert after.height < before.height, "nothing was lost: the test proves nothing"
    [item] = RecoveryLedger(home.desk.home.root).pending()
    [request] = tick(home).run_requests or []
    assert request.job_name == "data_update"
    done = run_job(
        "data_update",
        home.desk,
        assets=["candles_1h"],
        partition=request.partition_key,
        tags=request.tags,
        config=request.run_config,
    )
    assert done.success, done.why
    assert home.desk.store.read("candles_1h").equals(before)
    cursor = tick(home).cursor
    assert RecoveryLedger(home.desk.home.root).pending() == []
    home.clock.now = NOW + timedelta(minutes=5)
    tick(home, cursor)
    assert home.desk.alerts.recent(NOW - timedelta(days=1))[-1].resolved
    assert item.dataset == "candles_1h"


def test_third_recovery_in_a_day_is_refused_and_says_what_to_do(home: DeskHome) -> None:
    assert back_up(home).success
    for _ in range(2):
        flip_an_object(home)
        assert back_up(home).success
    flip_an_object(home)
    refused = back_up(home)
    assert not refused.success
    assert "was not backed up" in refused.why
    last = home.desk.alerts.recent(NOW - timedelta(days=1))[-1]
    assert "look at the disk" in last.what
    assert "crypto-bt doctor" in last.command


def test_sensor_is_quiet_until_a_day_has_passed_and_a_snapshot_is_new(home: DeskHome) -> None:
    assert [request.job_name for request in tick(home).run_requests or []] == ["backup"]
    assert back_up(home).success
    assert "is backed up" in str(tick(home).skip_reason)
    home.clock.now = NOW + timedelta(hours=23)
    assert home.update(days=2).success
    assert "next backup is due at" in str(tick(home).skip_reason)
    home.clock.now = NOW + timedelta(hours=24, minutes=5)
    assert tick(home).run_requests


def test_sensor_of_an_empty_home_is_quiet(tmp_path: Path) -> None:
    with desk_home(tmp_path, SYMBOLS, NOW) as home:
        assert "nothing to back up" in str(tick(home).skip_reason)


def test_compaction_keeps_what_a_rollback_and_a_night_need(home: DeskHome) -> None:
    for hours in (24, 72, 74):
        home.clock.now = NOW + timedelta(hours=hours)
        assert home.update(days=1).success
        assert back_up(home).success
    before = home.desk.store.snapshots()
    done = run_job("backup_and_compact", home.desk)
    assert done.success, done.why
    figures = done.metadata["compaction"]
    left = [item.id for item in home.desk.store.snapshots()]
    since = home.clock.now - timedelta(hours=48)
    young = [item.id for item in before if item.published_at > since]
    older = [item.id for item in before if item.published_at <= since]
    assert left == [older[-1], *young]
    assert figures["removed_snapshots"] == len(before) - len(left)
    assert figures["freed_bytes"] > 0
    assert home.desk.store.verify().ok
    assert all(item.ok for item in verify_backups(local_place(home.desk)))


def test_checks_are_quiet_on_a_new_home_and_speak_of_what_is_wrong(home: DeskHome) -> None:
    fresh = {
        check.name: check for check in run_job("data_validation", home.desk, tags=home.all_symbols()).checks
    }
    names = ("intact", "verified", "offsite", "disk_room", "restorable")
    assert {name: fresh[name].passed for name in names} == dict.fromkeys(names, True)
    assert "would cost" in fresh["offsite"].text
    assert back_up(home).success
    flip_an_object(home)
    market = [path for path in (local_place(home.desk).root / "objects").iterdir() if path.suffix != ".z"]
    market[0].unlink()
    later = {
        check.name: check for check in run_job("data_validation", home.desk, tags=home.all_symbols()).checks
    }
    assert not later["intact"].passed
    assert "candles_1h of 2026-11" in later["intact"].text
    assert not later["verified"].passed
    assert not later["restorable"].passed


def test_full_disk_refuses_early_and_says_what_to_delete(home: DeskHome) -> None:
    assert back_up(home).success
    settings = home.desk.settings.model_copy(update={"DISK_MINIMUM_GB": 1e9})
    desk = replace(home.desk, settings=settings)
    with pytest.raises(StoreError, match="crypto-bt data compact"):
        check_disk(desk)
    refused = run_job("backup", desk)
    assert not refused.success
    assert "Make room" in refused.why
    update = run_job("data_update", desk, partition="2026-11-18", assets=["candles_1h"])
    assert not update.success
    assert "Make room" in update.why
