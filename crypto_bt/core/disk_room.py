"""Whether there is room enough on the disk to begin something that writes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

_GB = 1e9


@dataclass(frozen=True, slots=True)
class DiskRoom:
    """A file system: ``free`` of ``total`` bytes."""

    free: int
    total: int

    @property
    def share(self) -> float:
        """Free share, 0 to 1."""
        return self.free / self.total if self.total else 0.0


def too_little(room: DiskRoom, *, minimum_gb: float, minimum_share: float) -> str:
    """Why ``room`` is too little, as a sentence; empty if it is enough."""
    if room.free >= minimum_gb * _GB and room.share >= minimum_share:
        return ""
    return (
        f"Only {room.free / _GB:.2f} GB ({room.share:.1%}) of the disk are free; "
        f"needed are {minimum_gb:g} GB and {minimum_share:.0%}."
    )


def what_to_delete(sizes: Mapping[str, int]) -> str:
    """What may be deleted to make room, the largest first; ``sizes`` are bytes of folders of the home."""
    advice = {
        "backups": "crypto-bt backup prune",
        "store": "crypto-bt data compact",
        "aside": "rm -r aside/* in the home, once nobody wants to look at the damaged files",
        "pages": "rm -r pages/* in the home, while no backfill is to go on",
        "dagster/storage": "rm -r dagster/storage/* in the home (what runs have printed)",
        "logs": "rm logs/*.log.* in the home",
    }
    there = sorted(((size, name) for name, size in sizes.items() if name in advice and size), reverse=True)
    told = "; ".join(f"{name} {size / 1e6:.0f} MB: {advice[name]}" for size, name in there[:4])
    return f"Make room: {told}." if told else "Make room on the disk: nothing in this home could be deleted."
