"""The sensor backup_due: backups when they are due, recoveries when something is damaged."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import dagster as dg

from crypto_bt.core.backup_due import BackupFacts, choose, wants_look
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import CryptoBtError, StoreCorrupt
from crypto_bt.defs.backing_up import newest_backup
from crypto_bt.defs.catching_up import busy
from crypto_bt.defs.dead_runs import fail_dead_runs
from crypto_bt.defs.jobs import config_for, job_of, limit_tags
from crypto_bt.defs.partitions import day_key, range_tags
from crypto_bt.defs.recovery import resolve
from crypto_bt.defs.resources import Desk
from crypto_bt.defs.schedules import WHY_OFF
from crypto_bt.store.recovery_ledger import REFILLED, RecoveryLedger, Refetch

#: Run tag with the id of what a run fetches again.
REFETCH_TAG: Final = "crypto_bt/refetch"
TICK_SECONDS: Final = 300
ABOUT: Final = (
    "Every 5 minutes: starts the job backup when there is a new snapshot and the newest backup is older than "
    "24 hours, or when the store is damaged (all of it is hashed once an hour), and fetches the days that a "
    "recovery lost."
)
STARTS: Final = frozenset({"backup", "data_update", "sentiment_macro_update"})
#: Rows that only this home has: no source tells them again.
OWN: Final = frozenset({"quarantine", "revisions", "decisions"})


def build_backup_sensor(jobs: Sequence[Any], *, running: bool) -> dg.SensorDefinition:
    """The sensor, which starts some of ``jobs``; off in a home whose clock stands still."""

    @dg.sensor(
        name="backup_due",
        jobs=[job for job in jobs if job.name in STARTS],
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description=ABOUT if running else f"{ABOUT} Off: {WHY_OFF}",
    )
    def backup_due(context: dg.SensorEvaluationContext, desk: dg.ResourceParam[Desk]) -> dg.SensorResult:
        now = desk.clock()
        looked, damaged = read_cursor(context.cursor)
        snapshot, broken = _glance(desk)
        if wants_look(looked, now):
            damaged, looked = not desk.store.verify().ok, now
        try:
            resolve(desk, now)
        except CryptoBtError as error:
            context.log.warning(str(error))
        action = choose(gather(context.instance, desk, now, snapshot, broken or damaged))
        # What was seen damaged is looked at anew once something was started about it.
        cursor = write_cursor(None if action.backup else looked, damaged and not action.backup)
        if action.backup:
            requests = [dg.RunRequest(job_name="backup", run_key=action.run_key)]
        elif action.fetch:
            [item] = [each for each in RecoveryLedger(desk.home.root).pending() if each.id == action.fetch]
            request = fetch_request(item, action.run_key or "")
            limit = limit_tags(desk.settings.job_limit(str(request.job_name)), request.tags)
            requests = [request.with_replaced_attrs(tags={**request.tags, **limit})]
        else:
            return dg.SensorResult(skip_reason=action.why, cursor=cursor)
        return dg.SensorResult(run_requests=requests, cursor=cursor)

    return backup_due


def gather(
    instance: dg.DagsterInstance, desk: Desk, now: datetime, snapshot: str | None, damaged: bool
) -> BackupFacts:
    """The facts at ``now``; needs that a run has fulfilled are struck from the ledger."""
    fail_dead_runs(instance)
    ledger = RecoveryLedger(desk.home.root)
    pending: dict[str, int] = {}
    for item in ledger.pending():
        runs = instance.get_runs(dg.RunsFilter(tags={REFETCH_TAG: item.id}))
        if item.dataset in OWN or any(run.status is dg.DagsterRunStatus.SUCCESS for run in runs):
            ledger.note(REFILLED, now, id=item.id)
        else:
            pending[item.id] = len(runs)
    return BackupFacts(
        now=now,
        loaded=snapshot is not None or damaged,
        damaged=damaged,
        snapshot=snapshot,
        newest=newest_backup(desk),
        pending=pending,
        busy=busy(instance),
    )


def fetch_request(item: Refetch, run_key: str) -> dg.RunRequest:
    """The run that fetches the days of one dataset again."""
    single = day_key(item.start) == day_key(item.end)
    tags = {REFETCH_TAG: item.id} | ({} if single else range_tags(item.start, item.end))
    asset = item.dataset if item.dataset in DATASETS else "candles_1h"
    return dg.RunRequest(
        job_name=job_of(asset),
        run_key=run_key,
        partition_key=day_key(item.start) if single else None,
        tags=tags,
        run_config=config_for([asset], symbols=None, scheduled=True),
        asset_selection=[dg.AssetKey(asset)],
        asset_check_keys=[],
    )


def _glance(desk: Desk) -> tuple[str | None, bool]:
    """The newest snapshot, and whether CURRENT or its manifest is damaged."""
    try:
        current = desk.store.current()
    except StoreCorrupt:
        return None, True
    return (current.id if current else None), False


def read_cursor(text: str | None) -> tuple[datetime | None, bool]:
    """When everything was last hashed, and whether it was damaged then; nothing where that cannot be read."""
    try:
        told: Mapping[str, object] = json.loads(text or "{}")
        return datetime.fromisoformat(str(told["looked"])), bool(told["damaged"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None, False


def write_cursor(looked: datetime | None, damaged: bool) -> str:
    """Text for :func:`read_cursor`."""
    return json.dumps({"looked": looked.isoformat() if looked else None, "damaged": damaged})
