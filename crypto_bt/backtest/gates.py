"""Gates: what a strategy must show out of sample to be promoted, and the verdict in one sentence."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Final

from crypto_bt.backtest.losing_runs import WindowLosses, chance_of_run, expected_longest_run
from crypto_bt.core.errors import BacktestError

_DESK: Final = "the desk's own default"
#: By gate: its name in a sentence, 1 where more is better or -1 where less is, whether shown in percent.
_FIGURES: Final = {
    "sharpe": ("Sharpe ratio", 1, False),
    "max_drawdown": ("drawdown", -1, True),
    "win_rate": ("win rate", 1, True),
    "profit_factor": ("profit factor", 1, False),
    "consecutive_losses": ("losses in a row", -1, False),
    "trades": ("closed trades", 1, False),
    "days": ("days out of sample", 1, False),
}


class Decision(StrEnum):
    """What to do with a strategy: trade it, keep an eye on it, take it out; or no figure to say so by."""

    PROMOTE = "promote"
    WATCH = "watch"
    RETIRE = "retire"
    NOT_COMPUTED = "not computed"


@dataclass(frozen=True, slots=True)
class Gate:
    """One limit: ``limit`` to be promoted, ``retire`` at or beyond which a strategy is retired (None: this
    figure alone retires nobody). ``source``: who set the two."""

    limit: float
    retire: float | None = None
    source: str = "set by the user"


@dataclass(frozen=True, slots=True)
class Gates:
    """All gates. Sharpe ratio (annual), win rate, profit factor, closed trades and days out of sample have
    least values, the depth of the deepest drawdown (a positive fraction) and losses in a row most ones.
    Raises BacktestError unless finite.

    The first five limits are the desk's. That a strategy is retired which earned nothing, or fell twice as
    deep as allowed, is this project's choice, and so are the least trades and days: a win rate of 20 trades
    is known to 22 points either way (1.96 x root of 0.25 / 20), and below 60 days no figure against luck is
    computed (:data:`crypto_bt.backtest.nightly.judging.FEWEST_DAYS`).
    """

    sharpe: Gate = Gate(0.80, 0.0, f"{_DESK}; retired without a gain: this project's choice")
    max_drawdown: Gate = Gate(0.12, 0.24, f"{_DESK}; retired at twice that: this project's choice")
    win_rate: Gate = Gate(0.45, None, _DESK)
    profit_factor: Gate = Gate(1.5, None, _DESK)
    consecutive_losses: Gate = Gate(5, None, _DESK)
    trades: Gate = Gate(20, None, "this project's choice: fewer leave a win rate open by over 22 points")
    days: Gate = Gate(60, None, "this project's choice: the least that the figures against luck take")

    def __post_init__(self) -> None:
        for field in fields(self):
            gate: Gate = getattr(self, field.name)
            if not all(math.isfinite(value) for value in (gate.limit, gate.retire or 0.0)):
                raise BacktestError(f"The gate {field.name} has the limit {gate.limit}.", "Give a number.")


@dataclass(frozen=True, slots=True)
class OutOfSample:
    """The figures that are judged, all out of sample and by :mod:`crypto_bt.backtest.metrics`' conventions
    (``max_drawdown`` a negative fraction); None where undefined. ``win_rate`` and ``profit_factor`` count
    positions still open at their last mark. ``losses``: one entry a test window. ``days`` in charge."""

    sharpe: float | None
    max_drawdown: float | None
    win_rate: float | None
    profit_factor: float | None
    losses: tuple[WindowLosses, ...]
    days: int


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """One gate: ``value`` against ``limit``, both as ``text``. ``passed``: None where nothing is known."""

    name: str
    value: float | None
    limit: float
    passed: bool | None
    retires: bool
    source: str
    text: str


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """The decision, one sentence why, and all gates. ``expected_losses``: the longest run of losses expected
    by chance in any of the windows; ``chance_of_losses``: that of a run as long as the one seen."""

    decision: Decision
    reason: str
    outcomes: tuple[GateOutcome, ...]
    expected_losses: float | None
    chance_of_losses: float | None


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """Tonight's decision beside the last one that was computed; ``alert`` only for a fall from promote."""

    strategy: str
    before: Decision | None
    after: Decision
    alert: bool
    text: str


def judge(figures: OutOfSample, gates: Gates | None = None, luck: str = "") -> GateVerdict:
    """Promote when every gate is passed, retire when any gate says so, else watch.

    The losses in a row are those of the worst test window, against chance at the strategy's own loss rate.
    ``luck`` is a sentence for the reason. Where a figure is None nothing is decided, and the reason names it;
    but a profit factor that is undefined because every trade won passes, and a strategy that was tested and
    did not trade is watched. Raises BacktestError for a figure that is NaN or infinite.
    """
    gates = gates or Gates()
    counts = [window.closed_trades for window in figures.losses]
    expected = chance = longest = None
    if sum(counts):
        rate = sum(window.lost for window in figures.losses) / sum(counts)
        longest = max(window.longest for window in figures.losses)
        expected = expected_longest_run(counts, rate)
        chance = chance_of_run(counts, rate, longest) if longest else 1.0
    depth = None if figures.max_drawdown is None else abs(figures.max_drawdown)
    by_chance = "" if expected is None else f"; chance alone gives {expected:.1f}"
    won_all = figures.profit_factor is None and figures.win_rate == 1.0
    outcomes = (
        _outcome("sharpe", figures.sharpe, gates.sharpe),
        _outcome("max_drawdown", depth, gates.max_drawdown),
        _outcome("win_rate", figures.win_rate, gates.win_rate),
        _without_a_loss("profit_factor", gates.profit_factor)
        if won_all
        else _outcome("profit_factor", figures.profit_factor, gates.profit_factor),
        _outcome("consecutive_losses", longest, gates.consecutive_losses, by_chance),
        _outcome("trades", sum(counts) if counts else None, gates.trades),
        _outcome("days", figures.days if counts else None, gates.days),
    )
    if figures.losses and not sum(counts):
        reason = f"{Decision.WATCH}: no trade ended out of sample, so there is nothing to judge."
        return GateVerdict(Decision.WATCH, reason, outcomes, None, None)
    decision = _decision(outcomes)
    reason = _reason(decision, outcomes)
    if luck and decision is not Decision.NOT_COMPUTED:
        reason = f"{reason} {luck}"
    return GateVerdict(decision, reason, outcomes, expected, chance)


def not_to_be_trusted(verdict: GateVerdict, why: str) -> GateVerdict:
    """``verdict`` without a decision, for the reason ``why`` (a sentence); the gates stay to be seen."""
    return replace(verdict, decision=Decision.NOT_COMPUTED, reason=f"{Decision.NOT_COMPUTED}: {why}")


def verdict_change(strategy: str, earlier: Sequence[Decision], now: GateVerdict) -> VerdictChange:
    """Compare tonight's verdict with the newest of the ``earlier`` ones (oldest first) that was computed.

    A night without a verdict is no fall (the check itself fails), and does not hide one on the night after.
    """
    before = next((one for one in reversed(earlier) if one is not Decision.NOT_COMPUTED), None)
    fell = before is Decision.PROMOTE and now.decision in (Decision.WATCH, Decision.RETIRE)
    if before is None:
        text = f"{strategy}: {now.reason}"
    elif before is now.decision:
        text = f"{strategy}: still {now.reason}"
    else:
        text = f"{strategy}: was {before}, now {now.reason}"
    return VerdictChange(strategy, before, now.decision, fell, text)


def _outcome(name: str, value: float | None, gate: Gate, beside: str = "") -> GateOutcome:
    label, better, percent = _FIGURES[name]
    if value is not None and not math.isfinite(value):
        raise BacktestError(f"The figure {name} is {value}.", "Give None for a figure without a value.")
    passed = None if value is None else better * value >= better * gate.limit
    retires = value is not None and gate.retire is not None and better * value <= better * gate.retire
    seen = "undefined" if value is None else _said(value, percent)
    text = f"{label} {seen} ({_allowed(name, gate)}{beside})"
    return GateOutcome(name, value, gate.limit, passed, retires, gate.source, text)


def _without_a_loss(name: str, gate: Gate) -> GateOutcome:
    text = f"{_FIGURES[name][0]} without a losing trade ({_allowed(name, gate)})"
    return GateOutcome(name, None, gate.limit, True, False, gate.source, text)


def _allowed(name: str, gate: Gate) -> str:
    _, better, percent = _FIGURES[name]
    return f"{'at least' if better > 0 else 'at most'} {_said(gate.limit, percent)}"


def _said(value: float, percent: bool) -> str:
    return f"{value * 100:.4g} %" if percent else f"{value:.4g}"


def _decision(outcomes: Sequence[GateOutcome]) -> Decision:
    if any(outcome.passed is None for outcome in outcomes):
        return Decision.NOT_COMPUTED
    if any(outcome.retires for outcome in outcomes):
        return Decision.RETIRE
    return Decision.PROMOTE if all(outcome.passed for outcome in outcomes) else Decision.WATCH


def _reason(decision: Decision, outcomes: Sequence[GateOutcome]) -> str:
    deciding = {
        Decision.NOT_COMPUTED: [one for one in outcomes if one.passed is None],
        Decision.RETIRE: [one for one in outcomes if one.retires],
        Decision.WATCH: [one for one in outcomes if one.passed is False],
        Decision.PROMOTE: list(outcomes),
    }[decision]
    return f"{decision}: {', '.join(one.text for one in deciding)}."
