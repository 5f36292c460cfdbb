"""Asset checks on the night's result: verdicts, look-ahead, warm-up, drift, trials, isolation."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import dagster as dg
import polars as pl

from crypto_bt.backtest import night_drift, night_verdicts
from crypto_bt.backtest.drift import Change
from crypto_bt.backtest.night_drift import NightTables, overlap_end
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import StoreError
from crypto_bt.core.isolated import isolation
from crypto_bt.core.verdict import Severity, Verdict
from crypto_bt.defs.check_results import SnapshotCheckResult, night_of
from crypto_bt.defs.earlier_nights import stamps_before
from crypto_bt.defs.resources import Desk
from crypto_bt.store import NightResult

#: What a check decides of one night's result and the one before it.
NightDecision = Callable[[Desk, NightResult, NightResult | None], Verdict]
#: The data that a night rests on.
READ_BY_NIGHTS: Final = (
    "candles_1h", "candles_4h", "candles_1d", "funding_rates", "mark_price_1h", "market_regime",
    "open_interest", "long_short_ratio", "taker_volume",
)  # fmt: skip


def _gates(desk: Desk, now: NightResult, before: NightResult | None) -> Verdict:
    return night_verdicts.gates(now.stamp, [stamp for _, stamp in stamps_before(desk, now.night)])


def _no_lookahead(desk: Desk, now: NightResult, before: NightResult | None) -> Verdict:
    return night_verdicts.no_lookahead(now.stamp)


def _warm_up(desk: Desk, now: NightResult, before: NightResult | None) -> Verdict:
    return night_verdicts.warm_up(now.stamp)


def _trial_ledger(desk: Desk, now: NightResult, before: NightResult | None) -> Verdict:
    return night_verdicts.trial_ledger(now.stamp)


def _drift(desk: Desk, now: NightResult, before: NightResult | None) -> Verdict:
    earlier = _tables(before) if before else None
    if before is None or earlier is None:
        return night_drift.drift(_tables(now) or _empty(now), None, ())
    try:
        changes = changed_days(
            desk, before.stamp["snapshot"]["id"], now.stamp["snapshot"]["id"], overlap_end(before.stamp)
        )
    except StoreError as error:
        return Verdict(True, f"Not compared with the night before: {error}")
    return night_drift.drift(_tables(now) or _empty(now), earlier, changes)


def changed_days(desk: Desk, before: str, now: str, until: datetime) -> list[Change]:
    """The days before ``until`` whose rows the two snapshots hold differently; cheap where objects are equal.

    Raises :class:`StoreError` where one of them is no longer stored.
    """
    found: set[Change] = set()
    older, newer = desk.store.snapshot(before), desk.store.snapshot(now)
    for name in READ_BY_NIGHTS:
        dataset = DATASETS[name]
        hashes = [{ref.sha256 for ref in snapshot.of(name)} for snapshot in (older, newer)]
        months = [
            ref
            for snapshot, others in ((older, hashes[1]), (newer, hashes[0]))
            for ref in snapshot.of(name)
            if ref.sha256 not in others and ref.first < until
        ]
        if not months:
            continue
        start = min(ref.first for ref in months)
        sides = [desk.store.read(name, start=start, end=until, at=snapshot) for snapshot in (before, now)]
        columns = list(dataset.schema)
        for one, other in (sides, sides[::-1]):
            alone = one.join(other, on=columns, how="anti", nulls_equal=True)
            keys = alone.select(day=pl.col(dataset.time).dt.date(), symbol=pl.col(dataset.entity)).unique()
            found.update(Change(day, symbol, name) for day, symbol in keys.iter_rows())
    return sorted(found)


def _tables(result: NightResult) -> NightTables | None:
    """The tables of a night; None for one of a version that kept no targets."""
    if not any(item.name == "targets.parquet" for item in result.files):
        return None
    frames = {name: result.frame(name) for name in ("trades", "targets", "equity", "windows")}
    return NightTables(result.stamp, **frames)


def _empty(result: NightResult) -> NightTables:
    nothing = pl.DataFrame()
    return NightTables(result.stamp, nothing, nothing, nothing)


def _isolation(desk: Desk, now: NightResult, before: NightResult | None) -> Verdict:
    told = desk.results.root / "priority" / f"{now.night}.json"
    priority = json.loads(told.read_text()) if told.is_file() else {}
    return isolation(priority.get("night", {}), priority.get("trader"))


NIGHT_CHECKS: Final[dict[str, tuple[NightDecision, str]]] = {
    "gates": (_gates, "Every strategy got a verdict, and none fell from promote."),
    "no_lookahead": (_no_lookahead, "No target changes when the days after it are taken away."),
    "warm_up": (_warm_up, "No target that counts changes when the history before it gets longer."),
    "drift": (
        _drift,
        "The days that the night before knew too came out the same, unless their data changed; and the "
        "recent returns are like those before.",
    ),
    "trial_ledger": (_trial_ledger, "No parameter set that was ever tried is lost from the count."),
    "isolation": (_isolation, "The night's process gave way to every other, the live trader above all."),
}
_SEVERITY: Final = {
    Severity.WARN: dg.AssetCheckSeverity.WARN,
    Severity.ERROR: dg.AssetCheckSeverity.ERROR,
}


def build_night_checks() -> list[dg.AssetChecksDefinition]:
    """The checks of ``nightly_backtest``; they report, the scorecard is written either way."""
    return [_build(name, decide, about) for name, (decide, about) in NIGHT_CHECKS.items()]


def _build(name: str, decide: NightDecision, about: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="nightly_backtest", name=name, blocking=False, description=f"{about} Reports, never blocks."
    )
    def check(context: dg.AssetCheckExecutionContext, desk: dg.ResourceParam[Desk]) -> dg.AssetCheckResult:
        night = night_of(context)
        result = desk.results.night(night) if night else desk.results.latest()
        if result is None:
            return SnapshotCheckResult(passed=True, description="There is no night yet.")
        verdict = decide(desk, result, desk.results.latest(before=result.night))
        verdict = verdict.at_home(desk.settings.home_option)
        if not verdict.passed:
            context.log.warning(verdict.text)
        metadata: dict[str, Any] = {**verdict.figures, "night": str(result.night)}
        return SnapshotCheckResult(
            passed=verdict.passed,
            severity=_SEVERITY[verdict.severity],
            description=verdict.text,
            metadata=metadata,
        )

    return check
