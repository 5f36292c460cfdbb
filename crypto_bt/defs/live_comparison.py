"""The asset that compares a live account's files with the night, and the sensor that sees new ones."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import dagster as dg
from pydantic import Field

from crypto_bt.core.errors import CryptoBtError
from crypto_bt.defs.resources import Desk
from crypto_bt.strategies import strategy_names

KINDS: Final = (".csv", ".parquet")
TICK_SECONDS: Final = 300
#: So long a file has to lie unchanged: whoever writes it is done.
SETTLES: Final = timedelta(minutes=2)


class LiveFile(dg.Config):
    """What is compared."""

    file: str = Field(description="Path of the live trades, CSV or Parquet: fills, or round trips.")
    strategy: str = Field(
        default="", description="Whose trades they are; empty: as the file, or its name, says."
    )


@dg.asset(
    group_name="backtest",
    deps=["nightly_backtest"],
    owners=["team:desk"],
    kinds={"csv", "polars"},
    description="Live trades of a file in LIVE_TRADES_DIR matched with the last night's: matched, missed, "
    "extra, and the difference in slippage, commission and funding in basis points.",
)
def live_comparison(
    context: dg.AssetExecutionContext, config: LiveFile, desk: dg.ResourceParam[Desk]
) -> dg.MaterializeResult[None]:
    """Compare one file."""
    from crypto_bt.defs.live_comparing import Asked, compare_all, result_of
    from crypto_bt.defs.live_side import read_live
    from crypto_bt.defs.live_sources import backtest_of_night

    path = Path(config.file)
    try:
        source = backtest_of_night(desk.settings, None)
        live = read_live(path, funding=None, held={}, rates={}, now=desk.clock())
        named = config.strategy or strategy_of(path)
        whose = None if "strategy" in live.trades.columns and _says_whose(live.trades) else named
        result = result_of(path, source.name, compare_all(live, source, Asked(strategy=whose)), live.notes)
    except CryptoBtError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    for made in result["strategies"]:
        context.log.info(
            f"{made['strategy']}: {made['matched']} matched, {made['missed']} missed, {made['extra']} extra."
        )
    return dg.MaterializeResult(metadata=_metadata(path, result))


def strategy_of(path: Path) -> str | None:
    """The strategy by whose name the file's begins, such as ema_cross-2026-11.csv; None for none."""
    found = [name for name in strategy_names() if path.name.startswith(name)]
    return max(found, key=len, default=None)


def build_live_sensor(*, running: bool) -> dg.SensorDefinition:
    """The sensor that has every new file of the folder compared."""

    @dg.sensor(
        name="live_trades",
        target=[live_comparison],
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Every 5 minutes: compares each new or changed file of LIVE_TRADES_DIR with the last "
        "night.",
    )
    def live_trades(
        context: dg.SensorEvaluationContext, desk: dg.ResourceParam[Desk]
    ) -> dg.SensorResult | dg.SkipReason:
        folder = desk.settings.LIVE_TRADES_DIR
        if folder is None or desk.results.latest() is None:
            return dg.SkipReason("There is no night to compare with, or no LIVE_TRADES_DIR.")
        seen: dict[str, str] = json.loads(context.cursor or "{}")
        new = new_files(folder, seen, desk.clock().timestamp())
        requests = [
            dg.RunRequest(
                run_key=f"{name} {mark}",
                run_config={"ops": {"live_comparison": {"config": {"file": str(folder / name)}}}},
            )
            for name, mark in sorted(new.items())
        ]
        if not requests:
            return dg.SkipReason("There is no new file.")
        return dg.SensorResult(run_requests=requests, cursor=json.dumps({**seen, **new}))

    return live_trades


def new_files(folder: Path, seen: dict[str, str], now: float) -> dict[str, str]:
    """Files of ``folder`` that are not in ``seen`` as they are, by name with a mark of their state; those
    changed in the last two minutes before ``now`` (seconds since 1970) wait."""
    found = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.suffix.lower() not in KINDS or not path.is_file():
            continue
        status = path.stat()
        mark = f"{status.st_size}-{status.st_mtime_ns}"
        if seen.get(path.name) != mark and now - status.st_mtime >= SETTLES.total_seconds():
            found[path.name] = mark
    return found


def _says_whose(trades: Any) -> bool:
    return bool(trades["strategy"].drop_nulls().len())


def _metadata(path: Path, result: dict[str, Any]) -> dict[str, Any]:
    every = result["differences"][0]
    counts = {
        name: sum(made[name] for made in result["strategies"]) for name in ("matched", "missed", "extra")
    }
    differences = {
        f"difference_bps/{name}": figure["difference"]["mean"]
        for name, figure in every["figures"].items()
        if figure["difference"]["mean"] is not None
    }
    offered = result["slippage"]["setting"]
    return {
        "file": dg.MetadataValue.path(str(path)),
        "backtest": result["backtest"],
        **counts,
        **differences,
        **({"offered_setting": offered} if offered else {}),
        "notes": "; ".join(result["notes"]) or "none",
    }
