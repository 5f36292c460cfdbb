"""Who holds what, how the crowd feels, and the macro series: each source by itself, none blocks another."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field

from crypto_bt.core.datasets import POSITIONING_DATASETS, SERIES_DATASETS
from crypto_bt.defs.asset_specs import data_spec
from crypto_bt.defs.changes import Window
from crypto_bt.defs.ingest_series import SeriesReport, ingest_series
from crypto_bt.defs.interrupts import run_interruptible
from crypto_bt.defs.market_assets import MarketConfig, fetch_and_publish
from crypto_bt.defs.partitions import DAILY
from crypto_bt.defs.publishing import who_publishes, writing_market
from crypto_bt.defs.resources import Desk


class PositioningConfig(MarketConfig):
    """What an update of positions may be told besides."""

    archive: bool = Field(
        default=False,
        description="Take open interest and account ratios older than 30 days from the public archive.",
    )


@dg.multi_asset(
    name="positioning_data",
    specs=[data_spec(name) for name in POSITIONING_DATASETS],
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
    partitions_def=DAILY,
)
def positioning_data(
    context: dg.AssetExecutionContext, config: PositioningConfig, desk: dg.ResourceParam[Desk]
) -> Iterator[dg.MaterializeResult[None]]:
    """Open interest, account ratio and taker volume, from each symbol's newest stored hour on."""
    chosen = [name for name in POSITIONING_DATASETS if dg.AssetKey(name) in context.selected_asset_keys]
    yield from fetch_and_publish(context, config, desk, chosen, desk.archive() if config.archive else None)


@dg.multi_asset(
    name="series_data",
    specs=[data_spec(name) for name in SERIES_DATASETS],
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
    partitions_def=DAILY,
)
def series_data(
    context: dg.AssetExecutionContext, desk: dg.ResourceParam[Desk]
) -> Iterator[dg.MaterializeResult[None]]:
    """Fear & greed, macro series, dominance: what is new or revised since they were last asked."""
    window = Window(context.partition_time_window.start, context.partition_time_window.end)
    datasets = [name for name in SERIES_DATASETS if dg.AssetKey(name) in context.selected_asset_keys]
    who = who_publishes(context)
    with writing_market(desk, who):
        report = run_interruptible(
            ingest_series(
                desk.series_sources(),
                desk.store,
                datasets=datasets,
                window=window,
                identity=run_interruptible(_identity(desk)),
                now=desk.clock(),
                published_by=who,
            )
        )
    for series, why in report.failed.items():
        context.log.warning(f"{series}: {why} Its last values stay.")
    context.log.info(
        f"Snapshot {report.snapshot.id}: {sum(report.rows.values())} new or revised values, "
        f"{report.seconds:.1f} s, {report.requests} requests; {sum(report.quarantined.values())} refused."
    )
    for name in datasets:
        if report.answered[name]:
            yield dg.MaterializeResult(asset_key=name, metadata=_metadata(name, report, desk))
        else:
            context.log.warning(f"{name}: no source answered; not materialized.")


async def _identity(desk: Desk) -> str:
    """Whose data the store holds; that of the exchange while it is empty."""
    current = desk.store.current()
    if current is not None:
        return current.source
    async with desk.source(scheduled=True) as source:
        return await source.identity()


def _metadata(name: str, report: SeriesReport, desk: Desk) -> dict[str, Any]:
    series = desk.store.read(name, columns=["series"], at=report.snapshot.id)["series"].unique().sort()
    newest = [f"| {item} | {report.newest[item]:%Y-%m-%d} |" for item in series]
    return {
        "rows": report.rows[name],
        "series": len(series),
        "quarantined": report.quarantined[name],
        "requests": report.requests,
        "seconds": round(report.seconds, 3),
        "snapshot": report.snapshot.id,
        "source": report.snapshot.source,
        "failed": "; ".join(f"{k}: {v}" for k, v in report.failed.items()) or "none",
        "newest": dg.MetadataValue.md("\n".join(["| series | newest |", "|---|---|", *newest])),
    }
