"""The stamp of a night, as the reports read it: where the figures come from and how they were made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from crypto_bt.backtest.gates import Decision, GateOutcome, GateVerdict
from crypto_bt.backtest.spec import WalkForwardPlan
from crypto_bt.core.errors import BacktestError


@dataclass(frozen=True, slots=True)
class Run:
    """One strategy of the night: its parameters, and the error that kept it from finishing, if any.

    ``parameter_sets`` is how many were tried, ``in_charge`` what today's signals are of, ``out_of_sample``
    whether the figures are of days that nothing was chosen on. ``verdict`` is None for the benchmark and in
    nights from before there were verdicts; ``luck`` are the statistics against luck by name; ``survivorship``
    compares with the universe known then (None where nothing is known of it).
    """

    name: str
    timeframe: str
    parameters: Mapping[str, object]
    error: str | None
    parameter_sets: int | None
    in_charge: Mapping[str, object]
    out_of_sample: bool
    verdict: GateVerdict | None
    luck: Mapping[str, float | None]
    lookahead: str | None
    survivorship: Mapping[str, Any] | None
    reconciled: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Stamp:
    """``stamp.json`` with its parts named; ``left_out`` maps a symbol to the reason.

    ``cutoff`` is the moment after which nothing was known, ISO 8601. ``costs`` are by the names of
    :class:`crypto_bt.backtest.rules.Costs`. ``mark_price_source`` counts the settlements by where their mark
    price came from, ``order_rules_unknown`` the rules of the exchange that no snapshot has, by symbol.
    ``walk_forward``, ``execution`` and ``trials`` are None in nights of schema version 1. ``trials_doubt``:
    what is wrong with the number of trials, "" for nothing.
    """

    night: str
    cutoff: str
    source: str
    snapshot: str
    digest: str
    code_version: str
    runs: tuple[Run, ...]
    benchmark: str
    costs: Mapping[str, float]
    symbols: tuple[str, ...]
    left_out: Mapping[str, str]
    mark_price_source: Mapping[str, int]
    without_funding: tuple[str, ...]
    order_rules_unknown: Mapping[str, tuple[str, ...]]
    initial_capital: float | None
    history_start: str | None
    walk_forward: WalkForwardPlan | None
    execution: str | None
    trials: int | None
    trials_doubt: str
    seed: int | None
    libraries: Mapping[str, str]

    @property
    def simulated(self) -> bool:
        """Whether the market was made up by the loopback exchange."""
        return self.source.startswith("simulated:")

    @property
    def market(self) -> str:
        """What kind of market the figures are of, in one honest sentence."""
        kind, _, detail = self.source.partition(":")
        if self.simulated:
            return (
                f"Simulated market ({detail}): the prices are invented, no figure here is about a real one."
            )
        if kind == "recorded":
            return f"Recorded market ({detail}): real candles of past days, replayed; the clock stands still."
        return f"Market data of {self.source}."

    @property
    def by_name(self) -> Mapping[str, Run]:
        """The strategies by name."""
        return {run.name: run for run in self.runs}

    @property
    def judged(self) -> tuple[Run, ...]:
        """The strategies that have a verdict, "not computed" among them."""
        return tuple(run for run in self.runs if run.verdict is not None)

    @property
    def shown_in_sample(self) -> tuple[Run, ...]:
        """The strategies whose history was too short to test a choice on later days."""
        return tuple(run for run in self.judged if not run.out_of_sample)

    @property
    def days_needed(self) -> int | None:
        """The least days of history that the walk-forward can test a choice with."""
        plan = self.walk_forward
        return plan.train + plan.purge + 1 if plan else None


def read_stamp(stamp: Mapping[str, Any]) -> Stamp:
    """``stamp`` (the object in ``stamp.json``) as a :class:`Stamp`; BacktestError naming what it lacks.

    Reads schema versions 1 (one parameter set a strategy, no verdicts) and 2.
    """
    try:
        plan = stamp.get("walk_forward")
        return Stamp(
            night=stamp["night"],
            cutoff=stamp["cutoff"],
            source=stamp["snapshot"]["source"],
            snapshot=stamp["snapshot"]["id"],
            digest=stamp["snapshot"]["digest"],
            code_version=stamp["code_version"],
            runs=tuple(_run(entry) for entry in stamp["strategies"]),
            benchmark=stamp["benchmark"],
            costs=_costs(stamp["costs"]),
            symbols=tuple(stamp["symbols"]),
            left_out=dict(sorted(stamp["left_out"].items())),
            mark_price_source=dict(stamp["mark_price_source"]),
            without_funding=tuple(stamp["symbols_without_funding"]),
            order_rules_unknown={
                symbol: tuple(rules) for symbol, rules in sorted(stamp.get("order_rules_unknown", {}).items())
            },
            initial_capital=stamp.get("initial_capital"),
            history_start=stamp.get("history_start"),
            walk_forward=_known(WalkForwardPlan, plan) if plan else None,
            execution=stamp.get("execution"),
            trials=stamp.get("trials"),
            trials_doubt=stamp.get("trials_doubt") or "",
            seed=stamp.get("seed"),
            libraries=dict(stamp.get("libraries", {})),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BacktestError(
            f"The night's stamp cannot be read: {type(error).__name__} {error}.",
            "Run the night again: crypto-bt backtest",
        ) from error


def last_decisions(stamps: Sequence[Mapping[str, Any]]) -> dict[str, Decision]:
    """The last computed decision by strategy in ``stamps`` (nights, the oldest first); a night without a
    verdict hides none of before."""
    return {
        entry["name"]: Decision(entry["verdict"]["decision"])
        for stamp in stamps
        for entry in stamp["strategies"]
        if entry.get("verdict") and entry["verdict"]["decision"] != Decision.NOT_COMPUTED
    }


def _run(entry: Mapping[str, Any]) -> Run:
    verdict = entry.get("verdict")
    return Run(
        name=entry["name"],
        timeframe=str(entry.get("timeframe", "")),
        parameters=entry["parameters"],
        error=entry["error"],
        parameter_sets=entry.get("parameter_sets"),
        in_charge=dict(entry.get("in_charge") or {}),
        out_of_sample=bool(entry.get("out_of_sample")),
        verdict=_verdict(verdict) if verdict else None,
        luck=dict(entry.get("overfitting") or {}),
        lookahead=entry.get("lookahead"),
        survivorship=entry.get("survivorship"),
        reconciled=dict(entry.get("reconciled") or {}),
    )


def _verdict(entry: Mapping[str, Any]) -> GateVerdict:
    return GateVerdict(
        decision=Decision(entry["decision"]),
        reason=entry["reason"],
        outcomes=tuple(_known(GateOutcome, outcome) for outcome in entry["outcomes"]),
        expected_losses=entry["expected_losses"],
        chance_of_losses=entry["chance_of_losses"],
    )


def _costs(given: Mapping[str, float]) -> dict[str, float]:
    """In schema version 1 every fill paid one commission."""
    costs = {"slippage_bps": given["slippage_bps"], "range_share": 0.0, "impact": 0.0}
    if "taker_bps" in given:
        return {**costs, **given}
    return {**costs, "taker_bps": given["commission_bps"], "maker_bps": given["commission_bps"]}


def _known(kind: Any, given: Mapping[str, Any]) -> Any:
    """A dataclass from those of ``given`` that it knows."""
    return kind(**{field.name: given[field.name] for field in fields(kind) if field.name in given})
