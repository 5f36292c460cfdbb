"""The asset prune_history, whose figures are plotted, and its check."""

import time
from collections.abc import Collection
from datetime import timedelta
from typing import Final

import dagster as dg

from crypto_bt.core.retention import runs_to_prune
from crypto_bt.defs.asset_specs import OWNERS
from crypto_bt.defs.partitions import WEEKLY_FRESHNESS
from crypto_bt.defs.pruning import prune, run_facts
from crypto_bt.defs.resources import Desk

NAME: Final = "prune_history"
#: A job that runs weekly leaves no more than a week beyond the limit; twice that is too much.
_SPARE: Final = timedelta(days=15)
#: So many runs may hold the latest word on something, however old they are.
_LATEST_AT_MOST: Final = 200
_CHECK: Final = dg.AssetCheckKey(dg.AssetKey(NAME), "bounded")
ABOUT: Final = (
    "Removes Dagster's runs, ticks and printed output older than HISTORY_KEEP_DAYS, and gives what that "
    "frees back to the disk. The run of each asset's latest materialization and each check's latest "
    "evaluation stays. A day whose run is gone shows as not materialized; its data is untouched."
)


def build_prune_history(check_keys: Collection[dg.AssetCheckKey]) -> dg.AssetsDefinition:
    """The asset, which spares the latest evaluation of each of ``check_keys``."""

    @dg.multi_asset(
        name="remove_old_history",
        specs=[
            dg.AssetSpec(
                NAME,
                group_name="operations",
                freshness_policy=WEEKLY_FRESHNESS,
                owners=OWNERS,
                kinds={"sqlite"},
                description=ABOUT,
            )
        ],
    )
    def prune_history(
        context: dg.AssetExecutionContext, desk: dg.ResourceParam[Desk]
    ) -> dg.MaterializeResult[None]:
        """Prune, and say how much."""
        began = time.monotonic()
        days, home = desk.settings.HISTORY_KEEP_DAYS, desk.home.dagster
        done = prune(context.instance, home, desk.clock(), days=days, check_keys=[*check_keys, _CHECK])
        return dg.MaterializeResult(
            metadata={
                "deleted_runs": done.runs,
                "deleted_ticks": done.ticks,
                "deleted_files": done.files,
                "freed_bytes": done.freed,
                "shrunk_bytes": done.shrunk,
                "runs": done.runs_left,
                "dagster_bytes": done.bytes_left,
                "seconds": round(time.monotonic() - began, 2),
            }
        )

    return prune_history


@dg.asset_check(
    asset=NAME,
    name="bounded",
    description="No run is kept much longer than HISTORY_KEEP_DAYS but those that hold the latest word on an "
    "asset or a check. Reports, never blocks.",
)
def history_bounded(
    context: dg.AssetCheckExecutionContext, desk: dg.ResourceParam[Desk]
) -> dg.AssetCheckResult:
    """Whether pruning keeps up."""
    facts = list(run_facts(context.instance))
    limit = desk.settings.HISTORY_KEEP_DAYS
    old = runs_to_prune(facts, desk.clock() - _SPARE, days=limit, spared=())
    return dg.AssetCheckResult(
        passed=len(old) <= _LATEST_AT_MOST,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(facts):,} runs are kept, {len(old):,} of them far older than {limit} days. "
        "Prune: run the job prune_history.",
        metadata={"runs": len(facts), "old_runs": len(old)},
    )
