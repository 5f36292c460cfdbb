"""The market's assets: what one session with the exchange fetches, in one step and one publish."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import dagster as dg
from pydantic import Field

from crypto_bt.core.datasets import CANDLE_DATASETS, DATASETS
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import MEANING
from crypto_bt.defs.ingest import IngestReport, Window, ingest
from crypto_bt.defs.interrupts import run_interruptible
from crypto_bt.defs.judgement import judge_dataset
from crypto_bt.defs.partitions import DAILY, DAILY_FRESHNESS, FRESHNESS
from crypto_bt.defs.resources import Desk

OWNERS: Final = ["team:desk"]
LOCK_PATIENCE_SECONDS: Final = 600.0
DESCRIPTIONS: Final = {
    "candles_1h": "Hourly candles (H1) of the universe: OHLC in quote units, volumes, trade count. "
    "Closed candles only, by the exchange's clock. Source: Binance USD-M `klines`.",
    "candles_4h": "Four-hour candles (H4) of the universe, on which the strategies decide. "
    "Closed candles only. Source: Binance USD-M `klines`.",
    "candles_1d": "Daily candles (D1, UTC) of the universe. Closed candles only. "
    "Source: Binance USD-M `klines`.",
    "funding_rates": "Funding settlements of each symbol: rate as a fraction of notional (positive: longs "
    "pay shorts) and mark price. Source: Binance USD-M `fundingRate`.",
    "mark_price_1h": "Hourly mark price candles; the fallback where a settlement lacks its mark price. "
    "Source: Binance USD-M `markPriceKlines`.",
}


class MarketConfig(dg.Config):
    """What an update may be told in the Launchpad."""

    symbols: list[str] | None = Field(
        default=None, description="Symbols to fetch, such as [BTCUSDT]; null: the whole universe."
    )
    scheduled: bool = Field(
        default=True,
        description="Keep to the share of request weight for scheduled work (else: for backfills).",
    )


def _spec(name: str) -> dg.AssetSpec:
    dataset = DATASETS[name]
    columns = [
        dg.TableColumn(column, str(kind), MEANING.get(column)) for column, kind in dataset.schema.items()
    ]
    return dg.AssetSpec(
        name,
        group_name="candles" if name in CANDLE_DATASETS else "market",
        description=DESCRIPTIONS[name],
        owners=OWNERS,
        kinds={"parquet", "polars"},
        skippable=True,
        partitions_def=DAILY,
        freshness_policy=FRESHNESS.get(name, DAILY_FRESHNESS),
        metadata={
            "dagster/column_schema": dg.TableSchema(columns=columns),
            "dagster/table_name": name,
        },
    )


MARKET_ASSETS: Final = tuple(DESCRIPTIONS)


@dg.multi_asset(
    name="market_data",
    specs=[_spec(name) for name in MARKET_ASSETS],
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
    partitions_def=DAILY,
)
def market_data(
    context: dg.AssetExecutionContext, config: MarketConfig, desk: dg.ResourceParam[Desk]
) -> Iterator[dg.MaterializeResult[None]]:
    """Fetch the selected datasets for the run's days, validate, publish one snapshot."""
    window = Window(context.partition_time_window.start, context.partition_time_window.end)
    datasets = [name for name in MARKET_ASSETS if dg.AssetKey(name) in context.selected_asset_keys]
    symbols = config.symbols or list(desk.settings.SYMBOLS)
    unknown = [symbol for symbol in symbols if symbol not in desk.settings.SYMBOLS]
    if unknown:
        mend = "This home follows the symbols of its setting SYMBOLS."
        raise dg.Failure(f"Unknown symbols: {', '.join(unknown)}. {mend}", allow_retries=False)
    before = desk.store.current()
    who = f"run {context.run.run_id[:8]} of {context.run.job_name}"
    context.log.info(
        f"Fetching {', '.join(datasets)} for {len(symbols)} symbols, "
        f"{window.start:%Y-%m-%d} to {window.end:%Y-%m-%d} (exclusive)."
    )
    try:
        # A person is told at once who holds the lock; a scheduled run waits for its turn.
        with desk.home.locked("market", who, LOCK_PATIENCE_SECONDS if config.scheduled else 0):
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
                )
            )
    except CryptoBtError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    for remark in (*report.universe.remarks, *(f"{what}: {why}" for what, why in report.failed.items())):
        context.log.warning(remark)
    usage = report.usage
    done = "Nothing new, current is" if before == report.snapshot else "Published"
    context.log.info(
        f"{done} snapshot {report.snapshot.id}: {sum(report.rows.values())} rows, {report.seconds:.1f} s, "
        f"{usage.requests} requests, weight {usage.weight}; {sum(report.quarantined.values())} rows refused."
    )
    for name in datasets:
        if not report.rows[name] and window.end > desk.clock():
            context.log.info(f"{name} has no closed rows in these days yet: not materialized.")
            continue
        yield dg.MaterializeResult(asset_key=name, metadata=_metadata(name, report, desk, desk.clock()))


def _metadata(name: str, report: IngestReport, desk: Desk, now: datetime) -> dict[str, Any]:
    usage = report.usage
    figures: dict[str, Any] = {
        "rows": report.rows[name],
        "symbols": report.symbols[name],
        "quarantined": report.quarantined[name],
        "revised": report.revised[name],
        "stale_runs": report.stale_runs[name],
        "jumps": report.jumps[name],
        "requests": usage.requests,
        "weight": usage.weight,
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
