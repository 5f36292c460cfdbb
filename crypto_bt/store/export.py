"""Plain Parquet files for other programs: one for each dataset, the same bytes each time."""

from pathlib import Path

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import UsageError
from crypto_bt.core.exported_rows import SOURCE_LABEL
from crypto_bt.store.durable import make_folder, write_atomically
from crypto_bt.store.market_store import MarketStore
from crypto_bt.store.objects import encode


def export(store: MarketStore, folder: Path, *, at: str | None = None) -> list[Path]:
    """Write ``<dataset>.parquet`` into ``folder`` for each dataset with rows, and return the paths.

    Rows are sorted by key. All files are of one snapshot, and carry its source; each appears whole or not at
    all.
    :class:`UsageError` if ``folder`` cannot be written.
    """
    snapshot = store.current() if at is None else store.snapshot(at)
    written: list[Path] = []
    try:
        make_folder(folder)
        label = {SOURCE_LABEL: snapshot.source} if snapshot is not None else {}
        for name in DATASETS:
            if snapshot is not None and snapshot.rows(name):
                path = folder / f"{name}.parquet"
                write_atomically(path, encode(store.read(name, at=snapshot.id), label))
                written.append(path)
    except OSError as error:
        raise UsageError(
            f"Cannot write to {folder}: {error.strerror or error}.", "Name a folder that you may write to."
        ) from error
    return written
