"""The jobs, whose names explain themselves in the web UI."""

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG

from crypto_bt.core.datasets import POSITIONING_DATASETS, SERIES_DATASETS
from crypto_bt.core.late_runs import time_allowed
from crypto_bt.defs.asset_specs import market_assets
from crypto_bt.defs.partitions import RANGE_END, RANGE_START

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

#: What makes Dagster's queue run one writer of market data at a time.
WRITES_MARKET: Final = {"crypto_bt/writes_market": "yes"}
#: The candles that the night reads: their checks block it.
NIGHTLY_CANDLES: Final = ("candles_1h", "candles_4h", "candles_1d")
NOT_INTRADAY: Final = frozenset({"candles_1d", "mark_price_1h", "universe"})


#: How long a run of a job may take, by the job's name.
Limits = Callable[[str], timedelta]


def limit_tags(limit: timedelta, tags: Mapping[str, str] | None = None) -> dict[str, str]:
    """Run tags by which Dagster's run monitoring ends a run that takes longer than ``limit``, a week's time
    for each week of the days that ``tags`` name."""
    given = tags or {}
    with contextlib.suppress(KeyError, ValueError):
        first, last = (date.fromisoformat(given[key]) for key in (RANGE_START, RANGE_END))
        limit = time_allowed(limit, (last - first).days + 1)
    return {MAX_RUNTIME_SECONDS_TAG: str(int(limit.total_seconds()))}


def build_jobs(candle_datasets: tuple[str, ...], limits: Limits) -> "list[UnresolvedAssetJobDefinition]":
    """All jobs of a home that keeps ``candle_datasets``, each with its limit of time."""
    market = (*market_assets(candle_datasets), "market_regime")
    return [
        dg.define_asset_job(
            "data_update",
            selection=dg.AssetSelection.assets(*market).without_checks(),
            tags=WRITES_MARKET | limit_tags(limits("data_update")),
            description="Fetch whole days of candles, funding, mark prices and listings and publish them as "
            "one snapshot; then the market's regime.",
        ),
        dg.define_asset_job(
            "intraday_update",
            selection=dg.AssetSelection.assets(
                *(name for name in market if name not in NOT_INTRADAY)
            ).without_checks(),
            tags=WRITES_MARKET | limit_tags(limits("intraday_update")),
            description="Fetch candles (without D1) and funding from the last stored candle to the last "
            "closed one; then the market's regime.",
        ),
        dg.define_asset_job(
            "sentiment_macro_update",
            selection=dg.AssetSelection.assets(*POSITIONING_DATASETS, *SERIES_DATASETS).without_checks(),
            tags=WRITES_MARKET | limit_tags(limits("sentiment_macro_update")),
            description="Fetch open interest, account ratio, taker volume, fear & greed, macro series and "
            "dominance; a source that is down keeps its last values.",
        ),
        dg.define_asset_job(
            "data_validation",
            selection=dg.AssetSelection.assets("data_quality") | dg.AssetSelection.all_asset_checks(),
            tags=limit_tags(limits("data_validation")),
            description="Run every check on the current snapshot, the early warning before the night, and "
            "summarise the data by symbol.",
        ),
        dg.define_asset_job(
            "nightly_backtest",
            selection=dg.AssetSelection.assets("nightly_backtest", "scorecard")
            | dg.AssetSelection.checks_for_assets(*NIGHTLY_CANDLES, "nightly_backtest"),
            tags=limit_tags(limits("nightly_backtest")),
            description="Check the candles, backtest every strategy on that very snapshot, check the result, "
            "write the scorecard.",
        ),
        *operations_jobs(limits),
    ]


def operations_jobs(limits: Limits) -> "list[UnresolvedAssetJobDefinition]":
    """The jobs that look after the home."""
    return [
        dg.define_asset_job(
            "backup",
            selection=dg.AssetSelection.assets("backup"),
            # A recovery, which may come first, writes market data.
            tags=WRITES_MARKET | limit_tags(limits("backup")),
            description="Hash everything, mend what is damaged, back up what the last backup lacks.",
        ),
        dg.define_asset_job(
            "backup_and_compact",
            selection=dg.AssetSelection.assets("backup", "compaction"),
            tags=WRITES_MARKET | limit_tags(limits("backup_and_compact")),
            description="Back up, then remove snapshots, objects, nights and backups that nothing needs.",
        ),
        dg.define_asset_job(
            "prune_history",
            selection=dg.AssetSelection.assets("prune_history"),
            # A backup, which copies Dagster's home, must not run beside it.
            tags=WRITES_MARKET | limit_tags(limits("prune_history")),
            description="Remove runs, ticks and printed output older than HISTORY_KEEP_DAYS.",
        ),
        dg.define_asset_job(
            "restore_drill",
            selection=dg.AssetSelection.assets("restore_drill"),
            tags=limit_tags(limits("restore_drill")),
            description="Restore the newest backup into a scratch folder, verify it, repeat its backtest.",
        ),
    ]


def job_of(asset: str) -> str:
    """The job that fills a data asset for whole days."""
    return "sentiment_macro_update" if asset in (*POSITIONING_DATASETS, *SERIES_DATASETS) else "data_update"


def config_for(
    assets: Collection[str], *, symbols: Sequence[str] | None, scheduled: bool, archive: bool = False
) -> dict[str, Any]:
    """Run config of a job that fills ``assets``, for the steps that take one."""
    market = {"symbols": None if symbols is None else list(symbols), "scheduled": scheduled}
    config = {}
    if any(name in POSITIONING_DATASETS for name in assets):
        config["positioning_data"] = {"config": {**market, "archive": archive}}
    if any(job_of(name) == "data_update" and name != "market_regime" for name in assets):
        config["market_data"] = {"config": market}
    return {"ops": config}
