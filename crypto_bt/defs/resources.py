"""The one resource of the definitions: the home's desk, opened from its settings."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import dagster as dg

from crypto_bt.alerts import AlertOffice, open_alerts
from crypto_bt.defs.asking import Progress
from crypto_bt.defs.night_process import Stages
from crypto_bt.runtime.home import Home
from crypto_bt.runtime.uptime import since_boot
from crypto_bt.settings import Settings
from crypto_bt.sources import (
    BinanceUsdm,
    MarketSource,
    MetricsArchive,
    SeriesSource,
    metrics_archive,
    series_sources,
)
from crypto_bt.store import ResultsStore, SnapshotStore

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
SNAPSHOT_TAG = "crypto_bt/snapshot"
#: A run that is executed again inherits tags: only those it resolved itself count.
RESOLVED_BY_TAG = ".dagster/crypto_bt_snapshot_resolved_by"


@dataclass(frozen=True)
class Desk:
    """What assets and checks work on; ``clock`` is the only place where they learn the time."""

    settings: Settings
    home: Home
    store: SnapshotStore
    results: ResultsStore
    clock: Callable[[], datetime]
    progress: Progress | None = None
    stages: Stages | None = None

    @classmethod
    def open(cls, settings: Settings, progress: Progress | None = None) -> "Desk":
        """The desk of the home that ``settings`` name; touches no file."""
        home = Home(settings.CRYPTO_BT_HOME)
        return cls(
            settings,
            home,
            SnapshotStore(home.store),
            ResultsStore(home.results),
            clock_of(settings),
            progress,
        )

    def source(self, *, scheduled: bool) -> MarketSource:
        """The exchange; scheduled work takes the smaller share of its request weight."""
        settings = self.settings
        share = settings.WEIGHT_SHARE_SCHEDULED if scheduled else settings.WEIGHT_SHARE_BACKFILL
        return BinanceUsdm(
            base_url=settings.EXCHANGE_URL or None,
            weight_share=1.0 if self.on_loopback else share,
            ledger=self.home.requests,
            check_skew=settings.FIXED_NOW is None,
            uptime=since_boot,
        )

    def series_sources(self) -> tuple[SeriesSource, ...]:
        """The sources of series; all of them the loopback exchange's where the exchange is one."""
        key = self.settings.FRED_API_KEY
        return series_sources(self._sources_url, key.get_secret_value() if key else None)

    @property
    def alerts(self) -> AlertOffice:
        """What takes in and sends this home's alerts."""
        return open_alerts(self.home.root, self.settings.alert_wiring, self.clock)

    def archive(self) -> MetricsArchive:
        """The exchange's public archive."""
        return metrics_archive(self._sources_url)

    @property
    def _sources_url(self) -> str | None:
        settings = self.settings
        return settings.SOURCES_URL or (settings.EXCHANGE_URL if self.on_loopback else "") or None

    @property
    def on_loopback(self) -> bool:
        """Whether the exchange is on this machine: no limit is shared with anybody then."""
        return urlsplit(self.settings.EXCHANGE_URL).hostname in LOOPBACK_HOSTS

    @property
    def lookback(self) -> timedelta:
        """The span over which a symbol has to be whole."""
        return timedelta(days=self.settings.QUALITY_LOOKBACK_DAYS)


def clock_of(settings: Settings) -> Callable[[], datetime]:
    """The wall clock, or the moment at which a recorded home stands still."""
    fixed = settings.FIXED_NOW
    if fixed is not None:
        return lambda: fixed
    return lambda: datetime.now(UTC)


def snapshot_of_run(
    context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext, desk: Desk
) -> str | None:
    """The snapshot that this whole run reads: resolved by its first step, kept as a run tag.

    So the checks judge the very data that is then backtested, though updates may be published meanwhile.
    None while the store is empty.
    """
    run = context.instance.get_run_by_id(context.run.run_id)
    if run is not None and run.tags.get(RESOLVED_BY_TAG) == run.run_id:
        return str(run.tags[SNAPSHOT_TAG])
    current = desk.store.current()
    if current is None:
        return None
    if run is not None:
        context.instance.add_run_tags(run.run_id, {SNAPSHOT_TAG: current.id, RESOLVED_BY_TAG: run.run_id})
    return current.id
