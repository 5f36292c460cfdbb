"""The assets that look after the home: backup, compaction, restore drill. Sizes and durations are plotted.

Their steps have names of their own: jobs are called as the assets are.
"""

import time
from typing import Any, Final

import dagster as dg

from crypto_bt.core.errors import CryptoBtError
from crypto_bt.defs.asset_specs import OWNERS
from crypto_bt.defs.backing_up import back_up, local_place, size_of
from crypto_bt.defs.compacting import compact
from crypto_bt.defs.dead_runs import UNFINISHED
from crypto_bt.defs.drilling import drill
from crypto_bt.defs.partitions import DAILY_FRESHNESS, WEEKLY_FRESHNESS
from crypto_bt.defs.recovery import mend, resolve
from crypto_bt.defs.resources import SNAPSHOT_TAG, Desk
from crypto_bt.store.backup_manifests import DAGSTER, MARKET, OTHER, RESULTS, backup_names

ABOUT: Final = {
    "backup": "A verified copy of the market and results stores, Dagster's home, outbox and ledgers: three "
    "daily ones, three of Sundays, one a week off this machine (BACKUP_OFFSITE_DIR). Everything is hashed "
    "first, and what is damaged is mended.",
    "compaction": "Removes snapshots older than SNAPSHOT_KEEP_HOURS that no night, run or rollback needs, "
    "the objects that no snapshot needs, old nights, old backups, and damaged files that were kept aside.",
    "restore_drill": "Restores the newest backup into a scratch folder, hashes and reads all of it, repeats "
    "the small backtest that was run when it was made and compares; on a month's first Sunday from the place "
    "off this machine alone.",
}


def _spec(name: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        name,
        deps=[] if name == "backup" else ["backup"],
        group_name="operations",
        freshness_policy=DAILY_FRESHNESS if name == "backup" else WEEKLY_FRESHNESS,
        owners=OWNERS,
        kinds={"parquet"},
        description=ABOUT[name],
    )


@dg.multi_asset(
    name="make_backup",
    specs=[_spec("backup")],
)
def backup(context: dg.AssetExecutionContext, desk: dg.ResourceParam[Desk]) -> dg.MaterializeResult[None]:
    """Mend if need be, then back up."""
    began, now = time.monotonic(), desk.clock()
    try:
        mended = mend(desk, now)
        if mended.plan.changes or not mended.damage.none:
            context.log.warning(mended.plan.text)
        made = back_up(desk, context.run.job_name, now)
        resolve(desk, now)
    except CryptoBtError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    if made.remark:
        context.log.warning(made.remark)
    kept = made.copied.backup
    return dg.MaterializeResult(
        metadata={
            "name": kept.name,
            "snapshot": kept.snapshot or "none",
            "market_bytes": kept.bytes(MARKET),
            "results_bytes": kept.bytes(RESULTS),
            "dagster_bytes": kept.bytes(DAGSTER),
            "other_bytes": kept.bytes(OTHER),
            "copied_bytes": made.copied.bytes,
            "copied_pieces": made.copied.pieces,
            "offsite_copied_bytes": made.offsite.bytes if made.offsite else 0,
            "backups": len(backup_names(local_place(desk))),
            "backups_bytes": size_of(local_place(desk)),
            "recovered": int(mended.plan.changes),
            "seconds": round(time.monotonic() - began, 2),
            "off this machine": made.remark or "copied this week",
            "reference backtest": str(kept.reference.get("digest", "too little data"))[:16],
        }
    )


@dg.multi_asset(
    name="collect_what_is_old",
    specs=[_spec("compaction")],
)
def compaction(context: dg.AssetExecutionContext, desk: dg.ResourceParam[Desk]) -> dg.MaterializeResult[None]:
    """Collect what nothing needs."""
    began = time.monotonic()
    try:
        done = compact(desk, desk.clock(), snapshots_being_read(context.instance))
    except CryptoBtError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    return dg.MaterializeResult(
        metadata={
            "freed_bytes": done.freed,
            "removed_snapshots": len(done.collected.snapshots),
            "removed_objects": done.collected.objects,
            "removed_backups": len(done.pruned.names),
            "removed_nights": done.nights,
            "snapshots": done.snapshots,
            "objects": done.objects,
            "mean_object_bytes": done.store_bytes // max(1, done.objects),
            "store_bytes": done.store_bytes,
            "backups_bytes": done.backups_bytes,
            "seconds": round(time.monotonic() - began, 2),
        }
    )


def snapshots_being_read(instance: dg.DagsterInstance) -> list[str]:
    """The snapshots that runs under way have resolved."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    return [run.tags[SNAPSHOT_TAG] for run in runs if SNAPSHOT_TAG in run.tags]


@dg.multi_asset(
    name="prove_backup",
    specs=[_spec("restore_drill")],
)
def restore_drill(
    context: dg.AssetExecutionContext, desk: dg.ResourceParam[Desk]
) -> dg.MaterializeResult[None]:
    """Prove the newest backup."""
    try:
        done = drill(desk, desk.clock())
    except CryptoBtError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    metadata: dict[str, Any] = {
        "name": done.name,
        "place": done.place,
        "restore_seconds": round(done.seconds, 3),
        "files": done.files,
        "bytes": done.bytes,
        "rows": done.rows,
        "same_backtest": int(done.compared),
        "backtest": done.digest[:16] or "too little data",
    }
    return dg.MaterializeResult(metadata=metadata)
