"""The market's assets: what one session with the exchange fetches, in one step and one publish."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import dagster as dg
from pydantic import Field

from crypto_bt.core.datasets import CANDLE_DATASETS, DATASETS
from crypto_bt.core.market import Timeframe
from crypto_bt.defs.asset_specs import data_spec, market_assets
from crypto_bt.defs.changes import Window
from crypto_bt.defs.ingest import IngestReport, ingest
from crypto_bt.defs.interrupts import run_interruptible
from crypto_bt.defs.judgement import judge_dataset
from crypto_bt.defs.partitions import DAILY
from crypto_bt.defs.publishing import who_publishes, writing_market
from crypto_bt.defs.resources import Desk
from crypto_bt.sources import MetricsArchive
from crypto_bt.store import PageJournal


class MarketConfig(dg.Config):
    """What an update may be told in the Launchpad."""

    symbols: list[str] | None = Field(
        default=None, description="Symbols to fetch, such as [BTCUSDT]; null: the whole universe."
    )
    scheduled: bool = Field(
        default=True,
        description="Keep to the share of request weight for scheduled work (else: for backfills).",
    )


def build_market_data(candle_datasets: tuple[str, ...]) -> dg.AssetsDefinition:
    """The multi-asset over ``candle_datasets``, funding, mark prices and the universe."""
    names = market_assets(candle_datasets)

    @dg.multi_asset(
        name="market_data",
        specs=[data_spec(name) for name in names],
        can_subset=True,
        backfill_policy=dg.BackfillPolicy.single_run(),
        partitions_def=DAILY,
    )
    def market_data(
        context: dg.AssetExecutionContext, config: MarketConfig, desk: dg.ResourceParam[Desk]
    ) -> Iterator[dg.MaterializeResult[None]]:
        """Fetch the selected datasets for the run's days, validate, publish one snapshot."""
        chosen = [name for name in names if dg.AssetKey(name) in context.selected_asset_keys]
        yield from fetch_and_publish(context, config, desk, chosen)

    return market_data


def fetch_and_publish(
    context: dg.AssetExecutionContext,
    config: MarketConfig,
    desk: Desk,
    datasets: Sequence[str],
    archive: MetricsArchive | None = None,
) -> Iterator[dg.MaterializeResult[None]]:
    """One session with the exchange: ``datasets`` over the run's days, judged and published."""
    window = Window(context.partition_time_window.start, context.partition_time_window.end)
    symbols = checked_symbols(config.symbols, desk)
    before, who = desk.store.current(), who_publishes(context)
    context.log.info(
        f"Fetching {', '.join(datasets)} for {len(symbols)} symbols, "
        f"{window.start:%Y-%m-%d} to {window.end:%Y-%m-%d} (exclusive)."
    )
    with writing_market(desk, who, scheduled=config.scheduled):
        report = run_interruptible(
            ingest(
                desk.source(scheduled=config.scheduled),
                desk.store,
                datasets=datasets,
                symbols=symbols,
                universe=desk.settings.SYMBOLS,
                window=window,
                published_by=who,
                progress=desk.progress,
                # A scheduled update is short, and the next one is never far.
                journal=None if config.scheduled else PageJournal(desk.home.pages),
                archive=archive,
            )
        )
    for remark in (*report.universe.remarks, *(f"{what}: {why}" for what, why in report.failed.items())):
        context.log.warning(remark)
    usage = report.usage
    done = "Nothing new, current is" if before == report.snapshot else "Published"
    context.log.info(
        f"{done} snapshot {report.snapshot.id}: {sum(report.rows.values())} rows, {report.seconds:.1f} s, "
        f"{usage.requests} requests, weight {usage.weight}; {sum(report.quarantined.values())} rows refused."
    )
    if usage.ledger_trouble:
        context.log.warning(f"The request budget is this process's own: {usage.ledger_trouble}")
    for name in datasets:
        if not report.rows[name] and window.end > desk.clock():
            context.log.info(f"{name} has no closed rows in these days yet: not materialized.")
            continue
        yield dg.MaterializeResult(asset_key=name, metadata=_metadata(name, report, desk, desk.clock()))


def checked_symbols(asked: list[str] | None, desk: Desk) -> list[str]:
    """The symbols of a run; a failure names those that the home does not follow."""
    symbols = asked or list(desk.settings.SYMBOLS)
    unknown = [symbol for symbol in symbols if symbol not in desk.settings.SYMBOLS]
    if unknown:
        mend = f"Follow them: crypto-bt universe add {' '.join(unknown)}"
        raise dg.Failure(f"Unknown symbols: {', '.join(unknown)}. {mend}", allow_retries=False)
    return symbols


def _metadata(name: str, report: IngestReport, desk: Desk, now: datetime) -> dict[str, Any]:
    usage = report.usage
    figures: dict[str, Any] = {
        "rows": report.rows[name],
        "symbols": report.symbols[name],
        "quarantined": report.quarantined[name],
        "revised": report.revised[name],
        "stale_runs": report.stale_runs[name],
        "jumps": report.jumps[name],
        "withheld": report.withheld[name],
        "requests": usage.requests,
        "weight": usage.weight,
        "peak_minute_weight": usage.peak_minute_weight,
        "others_minute_weight": usage.others_minute_weight,
        "waited_seconds": round(usage.waited_seconds, 1),
        "pages_resumed": report.resumed,
        "seconds": round(report.seconds, 3),
        "cpu_seconds": round(report.cpu_seconds, 3),
        "snapshot": report.snapshot.id,
        "source": report.snapshot.source,
        "failed": "; ".join(f"{k}: {v}" for k, v in report.failed.items()) or "none",
        "not tradable": " ".join(report.universe.remarks) or "none",
    }
    timeframe = DATASETS[name].timeframe
    if name in CANDLE_DATASETS and isinstance(timeframe, Timeframe):
        figures["coverage"] = judge_dataset(desk, timeframe, report.snapshot.id, now).coverage.share
    return figures
