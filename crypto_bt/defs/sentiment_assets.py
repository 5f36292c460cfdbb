"""Who holds what, how the crowd feels, and the macro series: each source by itself, none blocks another."""

from collections.abc import Iterator

import dagster as dg

from crypto_bt.core.datasets import POSITIONING_DATASETS
from crypto_bt.defs.asset_specs import data_spec
from crypto_bt.defs.market_assets import MarketConfig, fetch_and_publish
from crypto_bt.defs.partitions import DAILY
from crypto_bt.defs.resources import Desk


@dg.multi_asset(
    name="positioning_data",
    specs=[data_spec(name) for name in POSITIONING_DATASETS],
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
    partitions_def=DAILY,
)
def positioning_data(
    context: dg.AssetExecutionContext, config: MarketConfig, desk: dg.ResourceParam[Desk]
) -> Iterator[dg.MaterializeResult[None]]:
    """Open interest, account ratio and taker volume, from each symbol's newest stored hour on."""
    chosen = [name for name in POSITIONING_DATASETS if dg.AssetKey(name) in context.selected_asset_keys]
    yield from fetch_and_publish(context, config, desk, chosen)
