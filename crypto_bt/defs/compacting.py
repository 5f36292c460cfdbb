"""Keeping a home small: snapshots, objects, nights, backups and damaged files that nothing needs any more.

There are no small objects to merge: a publish writes a month of a dataset as one object, the old rows and the
new ones together.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from crypto_bt.core.retention import SnapshotFact, nights_to_keep, snapshots_to_keep
from crypto_bt.defs.backing_up import alone, local_place, prune_local, size_of
from crypto_bt.defs.resources import Desk
from crypto_bt.store import objects_stored
from crypto_bt.store.aside import clear_aside
from crypto_bt.store.backup import Pruned
from crypto_bt.store.market_store import Collected
from crypto_bt.store.results_care import drop_nights


@dataclass(frozen=True, slots=True)
class Compacted:
    """What was removed, and what is left: bytes of objects, of backups; nights dropped and their bytes."""

    collected: Collected
    pruned: Pruned
    nights: int
    nights_bytes: int
    aside_bytes: int
    snapshots: int
    objects: int
    store_bytes: int
    backups_bytes: int

    @property
    def freed(self) -> int:
        """Bytes that were given back in all."""
        return self.collected.bytes + self.pruned.bytes + self.nights_bytes + self.aside_bytes


def compact(desk: Desk, now: datetime, needed: Collection[str] = ()) -> Compacted:
    """Remove what is too old and not ``needed`` (ids of snapshots that somebody reads).

    Raises StoreCorrupt, having removed nothing of the store, while it is damaged.
    """
    settings = desk.settings
    with alone(desk, "compaction"):
        facts = [SnapshotFact(item.id, item.published_at) for item in desk.store.snapshots()]
        kept = snapshots_to_keep(
            facts,
            now,
            hours=settings.SNAPSHOT_KEEP_HOURS,
            needed=[*needed, *snapshots_of_nights(desk, settings.SNAPSHOT_KEEP_NIGHTS)],
        )
        collected = desk.store.gc(kept)
        stay = nights_to_keep(desk.results.nights(), now.date(), settings.RESULTS_KEEP_DAYS)
        nights, nights_bytes = drop_nights(desk.results.root, stay)
        aside = clear_aside(desk.home.root, before=now - timedelta(days=settings.ASIDE_KEEP_DAYS))
        pruned = prune_local(desk, now)
        stored = objects_stored(desk.store.root)
        return Compacted(
            collected=collected,
            pruned=pruned,
            nights=nights,
            nights_bytes=nights_bytes,
            aside_bytes=aside,
            snapshots=len(desk.store.snapshots()),
            objects=len(stored),
            store_bytes=sum(stored.values()),
            backups_bytes=size_of(local_place(desk)),
        )


def snapshots_of_nights(desk: Desk, count: int) -> list[str]:
    """The snapshots that the last ``count`` nights were computed on."""
    nights = desk.results.nights()[-count:] if count else []
    results = [desk.results.night(night) for night in nights]
    return [str(result.stamp["snapshot"]["id"]) for result in results if result is not None]
