"""Coverage by symbol at a glance: one static partition for each symbol of the home."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from crypto_bt.core.wholeness import Wholeness, hours
from crypto_bt.defs.asset_specs import OWNERS
from crypto_bt.defs.judgement import judge_dataset
from crypto_bt.defs.partitions import DAILY_FRESHNESS
from crypto_bt.defs.resources import Desk, snapshot_of_run


def build_data_quality(symbols: Sequence[str]) -> dg.AssetsDefinition:
    """The summary asset with one partition for each of ``symbols``."""

    partitions = dg.StaticPartitionsDefinition(list(symbols))

    @dg.multi_asset(
        name="judge_symbols",
        backfill_policy=dg.BackfillPolicy.single_run(),
        partitions_def=partitions,
        specs=[
            dg.AssetSpec(
                "data_quality",
                # Not the candles: their failed blocking checks would keep this from being computed.
                deps=[dg.AssetDep("universe", partition_mapping=dg.LastPartitionMapping())],
                group_name="operations",
                partitions_def=partitions,
                freshness_policy=DAILY_FRESHNESS,
                owners=OWNERS,
                kinds={"markdown"},
                description="The candles of each symbol over the look-back, by timeframe: how many of the "
                "expected ones are there, the longest gap, the age of the newest, and whether the symbol is "
                "whole, that is, takes part in the night. One partition a symbol.",
            )
        ],
    )
    def data_quality(
        context: dg.AssetExecutionContext, desk: dg.ResourceParam[Desk]
    ) -> dg.MaterializeResult[None]:
        """Judge every symbol on one snapshot."""
        snapshot, now = snapshot_of_run(context, desk), desk.clock()
        found: dict[str, list[Wholeness]] = {symbol: [] for symbol in context.partition_keys}
        if snapshot is not None:
            for timeframe in desk.settings.TIMEFRAMES:
                for item in judge_dataset(desk, timeframe, snapshot, now).symbols:
                    if item.symbol in found:
                        found[item.symbol].append(item)
        for symbol, items in found.items():
            context.add_asset_metadata(symbol_metadata(items, now), partition_key=symbol)
        broken = [symbol for symbol, items in found.items() if not _whole(items)]
        context.log.info(f"{len(found) - len(broken)} of {len(found)} symbols are whole in every timeframe.")
        return dg.MaterializeResult(
            metadata={
                "whole_symbols": len(found) - len(broken),
                "not whole": ", ".join(broken) or "none",
                "snapshot": snapshot or "none",
            }
        )

    return data_quality


def symbol_metadata(items: Sequence[Wholeness], now: datetime) -> dict[str, Any]:
    """What the partition of one symbol shows: figures to plot, and a table by timeframe."""
    head = "| timeframe | present | expected | longest gap | newest | whole |\n|---|---|---|---|---|---|\n"
    lines = [
        f"| {item.timeframe} | {item.present} | {item.expected} | {item.longest_gap} | "
        f"{hours(now - item.newest_close) + ' ago' if item.newest_close else 'none'} | "
        f"{'yes' if item.whole else item.reason} |"
        for item in items
    ]
    return {
        "whole": _whole(items),
        "tradable": bool(items),
        **{f"coverage_{item.timeframe}": _share(item) for item in items},
        "by timeframe": dg.MetadataValue.md(
            head + "\n".join(lines) if lines else "Not tradable on the exchange, or nothing is loaded."
        ),
    }


def _whole(items: Sequence[Wholeness]) -> bool:
    return bool(items) and all(item.whole for item in items)


def _share(item: Wholeness) -> float:
    return min(1.0, item.present / item.expected) if item.expected else 1.0
