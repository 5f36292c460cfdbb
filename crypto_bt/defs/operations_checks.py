"""Checks on the assets that look after the home."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import dagster as dg

from crypto_bt.core.disk_room import what_to_delete
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.defs.backing_up import lacking_room, local_place, no_offsite, offsite_place
from crypto_bt.defs.recovery import look
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.disk import disk_room, folder_sizes
from crypto_bt.store.backup import verify_backups
from crypto_bt.store.recovery_ledger import RecoveryLedger

#: A home that is older than this must have a backup.
FIRST_WITHIN: Final = timedelta(hours=50)
#: Passed or not, the sentence, and figures to plot.
Found = tuple[bool, str, dict[str, Any]]


def _check(
    asset: str, name: str, about: str, decide: Callable[[Desk], Found], severity: dg.AssetCheckSeverity
) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=asset, name=name, description=f"{about} Reports, never blocks.")
    def check(context: dg.AssetCheckExecutionContext, desk: dg.ResourceParam[Desk]) -> dg.AssetCheckResult:
        try:
            passed, text, figures = decide(desk)
        except CryptoBtError as error:
            passed, text, figures = False, str(error), {}
        if not passed:
            context.log.warning(text)
        return dg.AssetCheckResult(passed=passed, severity=severity, description=text, metadata=figures)

    return check


def intact(desk: Desk) -> Found:
    """Every object, manifest and pointer of the stores is as it was published."""
    damage, plan = look(desk, desk.clock())
    missing = len(RecoveryLedger(desk.home.root).pending())
    figures = {
        "damaged": len(damage.objects) + len(damage.others) + len(damage.results),
        "still_to_fetch": missing,
    }
    if damage.none and missing:
        return False, f"Mended, but {missing} parts are still to be fetched again by catch_up.", figures
    return damage.none, plan.text if not damage.none else damage.text, figures


def backups_good(desk: Desk) -> Found:
    """Every local backup verifies."""
    seen = verify_backups(local_place(desk))
    bad = [item.name for item in seen if not item.ok]
    figures = {"backups": len(seen), "bad": len(bad), "bytes_hashed": sum(item.bytes for item in seen)}
    if not seen:
        oldest = min((item.published_at for item in desk.store.snapshots()), default=None)
        late = oldest is not None and desk.clock() - oldest > FIRST_WITHIN
        return not late, "There is no backup yet. Make one: crypto-bt backup create", figures
    if bad:
        return False, f"Damaged: {', '.join(bad)}. See: crypto-bt backup verify", figures
    return True, f"{len(seen)} backups, the newest {seen[-1].name}; every piece is as it was.", figures


def off_this_machine(desk: Desk) -> Found:
    """There is a copy elsewhere."""
    place = offsite_place(desk)
    if place is None:
        # A standing remark, not a fault: whoever chose so is not told every day.
        return True, no_offsite(desk, desk.clock()), {"copies": 0}
    seen = verify_backups(place)
    good = [item for item in seen if item.ok]
    text = f"{len(good)} of {len(seen)} copies at {place.address} verify."
    return bool(good) and len(good) == len(seen), text, {"copies": len(good)}


def room(desk: Desk) -> Found:
    """The disk has room enough for updates and backups to begin."""
    free, total = disk_room(desk.home.root)
    sizes, short = folder_sizes(desk.home.root), lacking_room(desk)
    figures = {"free_gb": round(free / 1e9, 2), "free_share": round(free / total, 4)}
    figures |= {f"{name.replace('/', '_')}_mb": round(size / 1e6, 1) for name, size in sizes.items()}
    return (
        not short,
        f"{short} {what_to_delete(sizes)}" if short else f"{free / 1e9:.1f} GB are free.",
        figures,
    )


def drilled(desk: Desk) -> Found:
    """The newest backup is one that can be restored."""
    seen = verify_backups(local_place(desk))
    if not seen:
        return backups_good(desk)
    newest = seen[-1]
    if newest.ok:
        return True, f"{newest.name}: {newest.of} pieces of {newest.bytes:,} bytes can be restored.", {}
    return (
        False,
        f"{newest.name} is damaged; an older one would be restored. See: crypto-bt backup verify",
        {},
    )


_ERROR, _WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
OPERATIONS_CHECKS: Final = [
    _check("backup", "intact", "All objects of the stores have the bytes of their names.", intact, _ERROR),
    _check("backup", "verified", "All local backups verify.", backups_good, _ERROR),
    _check("backup", "offsite", "A copy lies off this machine, and verifies.", off_this_machine, _WARN),
    _check("compaction", "disk_room", "The disk has room for what is written next.", room, _ERROR),
    _check("restore_drill", "restorable", "The newest backup can be restored.", drilled, _ERROR),
]
