"""The store: market data as immutable snapshots, the results of nights, SQL, exports."""

from crypto_bt.store.contents import coverage_summary
from crypto_bt.store.durable import write_atomically
from crypto_bt.store.export import export
from crypto_bt.store.market_store import Collected, MarketStore, ObjectRef, Snapshot, Verification
from crypto_bt.store.objects import stored as objects_stored
from crypto_bt.store.page_journal import KeptPage, PageJournal, split
from crypto_bt.store.results import NightResult, ResultFile, ResultsStore
from crypto_bt.store.snapshot_store import SnapshotStore

__all__ = [
    "Collected",
    "KeptPage",
    "MarketStore",
    "NightResult",
    "ObjectRef",
    "PageJournal",
    "ResultFile",
    "ResultsStore",
    "Snapshot",
    "SnapshotStore",
    "Verification",
    "coverage_summary",
    "export",
    "objects_stored",
    "split",
    "write_atomically",
]
