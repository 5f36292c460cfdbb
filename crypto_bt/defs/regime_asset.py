"""The feature asset: the market's regime at each H4 close, computed from the current snapshot."""

from datetime import timedelta
from typing import Final

import dagster as dg
import polars as pl

from crypto_bt.core.datasets import SERIES_DATASETS
from crypto_bt.core.market import Timeframe
from crypto_bt.core.regime import market_regime as compute_regime
from crypto_bt.defs.asset_specs import data_spec
from crypto_bt.defs.changes import Window
from crypto_bt.defs.partitions import DAILY
from crypto_bt.defs.publishing import who_publishes, writing_market
from crypto_bt.defs.resources import Desk
from crypto_bt.store import Snapshot

#: Enough history for the slowest window of ``core.regime``.
LOOKBACK: Final = timedelta(days=230)
DEPENDS_ON: Final = ("candles_4h", "funding_rates", *SERIES_DATASETS)
BENCHMARK: Final = "BTCUSDT"
_INSTANT: Final = timedelta(milliseconds=1)


@dg.multi_asset(
    name="compute_regime",
    specs=[data_spec("market_regime", DEPENDS_ON)],
    can_subset=False,
    backfill_policy=dg.BackfillPolicy.single_run(),
    partitions_def=DAILY,
)
def market_regime(
    context: dg.AssetExecutionContext, desk: dg.ResourceParam[Desk]
) -> dg.MaterializeResult[None] | None:
    """Compute the bars of the run's days, and those before them that no run computed, and publish them."""
    who = who_publishes(context)
    # Read and published under one lock: what is computed is of the candles that it stands beside.
    with writing_market(desk, who):
        current = desk.store.current()
        if current is None:
            context.log.info("Nothing is stored yet: no regime.")
            return None
        benchmark = BENCHMARK if BENCHMARK in desk.settings.SYMBOLS else desk.settings.SYMBOLS[0]
        window = context.partition_time_window
        rows = _regime(desk, current, benchmark, Window(window.start, window.end))
        if rows.is_empty():
            context.log.info(f"{benchmark} has no closed H4 candles in these days yet: not materialized.")
            return None
        snapshot = desk.store.publish(
            {"market_regime": rows}, source=current.source, published_by=who, now=desk.clock()
        )
    last = rows.row(-1, named=True)
    context.log.info(f"Snapshot {snapshot.id}: {rows.height} bars of regime, measured on {benchmark}.")
    figures = {name: value for name, value in last.items() if isinstance(value, int | float)}
    return dg.MaterializeResult(
        metadata={"rows": rows.height, "benchmark": benchmark, "snapshot": snapshot.id, **figures}
    )


def _regime(desk: Desk, current: Snapshot, benchmark: str, window: Window) -> pl.DataFrame:
    """The bars of ``window``, from the last one stored before it on: a run may have died in between."""
    newest = max((item.last for item in current.of("market_regime")), default=window.start)
    start = min(window.start, newest + Timeframe.H4.delta)
    since = start - LOOKBACK
    return compute_regime(
        desk.store.read("candles_4h", symbols=[benchmark], start=since, end=window.end, at=current.id),
        # A settlement at the last moment of the days counts at the close of their last bar.
        desk.store.read("funding_rates", start=since, end=window.end + _INSTANT, at=current.id),
        pl.concat([desk.store.read(name, at=current.id) for name in SERIES_DATASETS]),
        benchmark=benchmark,
        start=start,
        end=min(window.end, Timeframe.H4.floor(desk.clock())),
    )
