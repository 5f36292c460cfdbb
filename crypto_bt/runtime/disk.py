"""How full the disk is, and what of a home fills it."""

import os
import shutil
from pathlib import Path


def disk_room(folder: Path) -> tuple[int, int]:
    """Free bytes (for this user) and all bytes of the file system of ``folder``."""
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total


def folder_sizes(home: Path) -> dict[str, int]:
    """Bytes of each folder of a home, and of ``dagster/storage``, what runs have printed, by itself."""
    sizes = {
        entry.name: size_of_folder(Path(entry.path))
        for entry in os.scandir(home)
        if entry.is_dir(follow_symlinks=False)
    }
    printed = home / "dagster" / "storage"
    if printed.is_dir():
        sizes["dagster/storage"] = size_of_folder(printed)
    return sizes


def size_of_folder(folder: Path) -> int:
    """Bytes of all files below ``folder``."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118 - a walk gives texts
            except FileNotFoundError:
                continue
    return total
