"""The night's assets: the backtest of every strategy, and the scorecard made of it."""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, NoReturn

import dagster as dg
from pydantic import Field

from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.verdict import not_loaded
from crypto_bt.defs.night_plan import plan_night
from crypto_bt.defs.night_process import NightCrashed, NightStopped, run_night_process
from crypto_bt.defs.night_watch import note_end, note_priority, one_at_a_time, trader_of, watch_of
from crypto_bt.defs.partitions import DAILY, DAILY_FRESHNESS
from crypto_bt.defs.published_files import mark_stale, publish_files
from crypto_bt.defs.resources import Desk, snapshot_of_run
from crypto_bt.store import NightResult

OWNERS: Final = ["team:desk"]


class NightConfig(dg.Config):
    """What a night may be told in the Launchpad."""

    strategies: list[str] = Field(
        default=[],
        description="Strategies to run, such as [ema_cross]; empty: those of the settings, else all.",
    )


# A multi_asset, because a step and the job nightly_backtest must not share a name.
@dg.multi_asset(
    name="compute_night",
    partitions_def=DAILY,
    specs=[
        dg.AssetSpec(
            "nightly_backtest",
            group_name="backtest",
            deps=[
                *("candles_1h", "candles_4h", "candles_1d", "funding_rates", "mark_price_1h"),
                *("market_regime", "open_interest", "long_short_ratio", "taker_volume"),
            ],
            freshness_policy=DAILY_FRESHNESS,
            owners=OWNERS,
            kinds={"numba", "polars"},
            description="Every strategy backtested on the whole symbols of the run's snapshot, with "
            "commission, slippage and funding, in a process of its own. The night of day D knows what had "
            "closed when it was to begin (BACKTEST_START_HOUR): by D 23:30 UTC. Trades, equity, metrics and "
            "signals go to the results store.",
        )
    ],
)
def nightly_backtest(
    context: dg.AssetExecutionContext, config: NightConfig, desk: dg.ResourceParam[Desk]
) -> dg.MaterializeResult[None]:
    """Plan the night, run the child, publish its files."""
    now = desk.clock()
    snapshot = snapshot_of_run(context, desk)
    if snapshot is None:
        raise dg.Failure(not_loaded(now).at_home(desk.settings.home_option).text, allow_retries=False)
    night = date.fromisoformat(context.partition_key)
    try:
        with one_at_a_time(desk):
            result, told = _computed(context, desk, snapshot, night, tuple(config.strategies), now)
        publish_files(desk.results.root, result)
    except CryptoBtError as error:
        _end_without_result(context, desk, night, error, now)
    for entry in result.stamp["strategies"]:
        if entry["error"]:
            context.log.warning(f"{entry['name']} failed and was left out: {entry['error']}")
    return dg.MaterializeResult(metadata=_night_metadata(result) | _run_metadata(told))


def _computed(
    context: dg.AssetExecutionContext,
    desk: Desk,
    snapshot: str,
    night: date,
    strategies: tuple[str, ...],
    now: datetime,
) -> tuple[NightResult, dict[str, Any]]:
    """Plan the night, run its process, and publish what it hands back."""
    trader = trader_of(desk)
    watch_of(desk, trader)
    spec = plan_night(desk, snapshot, night, now, strategies)
    context.log.info(
        f"Night of {night}: {len(spec.strategies)} strategies on {len(spec.symbols)} symbols, "
        f"snapshot {snapshot}, {len(spec.left_out)} symbols left out."
    )
    with tempfile.TemporaryDirectory(prefix="crypto_bt-night-") as work:
        with _told_by(context) as pipes:
            watch = watch_of(desk, trader, pipes.get_bootstrap_env_vars())
            out, told = run_night_process(spec, Path(work), watch, None, desk.stages)
        note_priority(desk, night, told["priority"], trader)
        return desk.results.publish(night, out, now=now), told


@contextmanager
def _told_by(context: dg.AssetExecutionContext) -> Iterator[dg.PipesSession]:
    """What the night's process tells goes into the log of this run while it tells it."""
    with warnings.catch_warnings():
        # Dagster's own readers use a part of Dagster that is in preview; the version is pinned.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        with dg.open_pipes_session(
            context.op_execution_context, dg.PipesEnvContextInjector(), dg.PipesTempFileMessageReader()
        ) as session:
            yield session


def _end_without_result(
    context: dg.AssetExecutionContext, desk: Desk, night: date, error: CryptoBtError, now: datetime
) -> NoReturn:
    """Tell what stands in its way; a night that a person stopped is cancelled, and has not failed."""
    mark_stale(desk.results.root, night, str(error), now)
    if isinstance(error, NightStopped | NightCrashed):
        note_end(desk, night, error, desk.clock())
    if isinstance(error, NightStopped) and error.stop.cause.by_hand:
        context.log.warning(f"{error} No result of the night of {night} is published.")
        # Else Dagster takes the interruption for a failure.
        context.instance.report_run_canceling(context.run, message=str(error))
        raise dg.DagsterExecutionInterruptedError
    raise dg.Failure(str(error), allow_retries=False) from error


@dg.asset(
    group_name="backtest",
    deps=["nightly_backtest"],
    partitions_def=DAILY,
    freshness_policy=DAILY_FRESHNESS,
    owners=OWNERS,
    kinds={"markdown", "html"},
    description="The night's strategies against the benchmark and against the night before, on the symbols "
    "that both nights have; symbols left out are named. Curves in the metadata; in results/reports a page of "
    "the night and one of each strategy.",
)
def scorecard(context: dg.AssetExecutionContext, desk: dg.ResourceParam[Desk]) -> dg.MaterializeResult[None]:
    """Compare, draw, and write the night's page and each strategy's own."""
    from crypto_bt.defs.report_files import write_reports
    from crypto_bt.report.markdown import scorecard_markdown

    night = date.fromisoformat(context.partition_key)
    result = desk.results.night(night)
    if result is None:
        raise dg.Failure(f"There is no result of the night of {night}. Materialize nightly_backtest first.")
    written = write_reports(desk, result)
    return dg.MaterializeResult(
        metadata={
            "scorecard": dg.MetadataValue.md(
                scorecard_markdown(written.card, result.stamp, result.frame("equity"))
            ),
            "report": dg.MetadataValue.path(str(written.page)),
            "tear_sheets": dg.MetadataValue.path(str(written.folder)),
            **{f"{name}_net_return": value for name, value in _portfolio(result, "net_return").items()},
            **{f"{name}_sharpe": value for name, value in _portfolio(result, "sharpe").items()},
        }
    )


def _run_metadata(told: dict[str, Any]) -> dict[str, Any]:
    """What is no part of the result: times, memory, and which priorities took effect."""
    priority = {f"isolation/{name}": value for name, value in told["priority"].items()}
    return {"seconds": told["seconds"], "peak_rss_mb": told["peak_mb"], **priority}


def _night_metadata(result: NightResult) -> dict[str, Any]:
    stamp = result.stamp
    return {
        "snapshot": stamp["snapshot"]["id"],
        "digest": result.digest,
        "code_version": stamp["code_version"],
        "source": stamp["snapshot"]["source"],
        "symbols": len(stamp["symbols"]),
        "left_out": len(stamp["left_out"]),
        "without_funding": len(stamp["symbols_without_funding"]),
        "trades": result.frame("trades").height,
        "failed": "; ".join(f"{s['name']}: {s['error']}" for s in stamp["strategies"] if s["error"])
        or "none",
        **{f"{name}_max_drawdown": value for name, value in _portfolio(result, "max_drawdown").items()},
    }


def _portfolio(result: NightResult, figure: str) -> dict[str, float]:
    rows = result.frame("metrics").filter(symbol="ALL").select("strategy", figure).iter_rows()
    return {strategy: round(value, 6) for strategy, value in rows if value is not None}
