"""``market.duckdb``: views over the objects of the newest snapshot, for the DuckDB command line.

It holds no data. Whoever has the old file open keeps it, with its lock; the next publish puts a new
file in its place. The views do not check the checksums of what they read: ``crypto-bt sql`` does.
"""

from pathlib import Path
from typing import Final

from crypto_bt.store.durable import FILE_MODE, remove_quietly, temporary_beside
from crypto_bt.store.market_store import Snapshot
from crypto_bt.store.objects import object_path

VIEWS: Final = "market.duckdb"


def refresh_views(root: Path, snapshot: Snapshot) -> bool:
    """Write ``market.duckdb`` anew, one view for each dataset with rows; False if that failed.

    A failure is no reason to fail a publish: the data is safe, and the file is a convenience.
    """
    import duckdb

    path = temporary_beside(root / VIEWS)
    try:
        connection = duckdb.connect(str(path), config={"threads": "1"})
        try:
            for statement in view_statements(root, snapshot):
                connection.execute(statement)
        finally:
            connection.close()
        path.chmod(FILE_MODE)
        path.replace(root / VIEWS)
    except (duckdb.Error, OSError):
        return False
    finally:
        remove_quietly(path)
        remove_quietly(path.with_name(f"{path.name}.wal"))
    return True


def view_statements(root: Path, snapshot: Snapshot) -> list[str]:
    """The statements that define the views, by dataset."""
    statements = []
    for dataset in sorted({ref.dataset for ref in snapshot.objects}):
        paths = [str(object_path(root, ref.sha256)) for ref in snapshot.of(dataset)]
        # A view cannot take parameters: paths are quoted as SQL strings.
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        statements.append(f'CREATE VIEW "{dataset}" AS SELECT * FROM read_parquet([{listed}])')
    return statements
