"""What the night tries of a strategy: each set of signals with each way to leave a position."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from crypto_bt.backtest.rules import Costs, Distance, Exits, Rules, Sizing
from crypto_bt.core.market import Timeframe
from crypto_bt.strategies import Strategy, build_strategy
from crypto_bt.strategies.exits import ExitPlan


@dataclass(frozen=True)
class ParameterSet:
    """``number`` in the order tried; ``signal_set`` is the place of ``strategy`` among the signals."""

    number: int
    signal_set: int
    strategy: Strategy
    plan: ExitPlan

    def rules(self, costs: Costs, execution: Timeframe) -> Rules:
        """As the engine takes them, on bars of the timeframe ``execution``."""
        bars = self.strategy.timeframe.milliseconds // execution.milliseconds
        return Rules(costs, exits_of(self.plan, max(1, bars)), Sizing(exposure=self.strategy.leverage))

    def alone(self) -> "ParameterSet":
        """The same, as the only one whose signals are evaluated."""
        return replace(self, number=0, signal_set=0)

    @property
    def tried(self) -> dict[str, object]:
        """Everything that is varied, for the trial ledger."""
        return {"parameters": self.strategy.parameters, "exits": asdict(self.plan)}

    @property
    def described(self) -> dict[str, object]:
        """Parameters that are not the exits', and the exits in words."""
        given = self.strategy.parameters.items()
        signal = {name: value for name, value in given if name not in ("stop_loss", "take_profit")}
        return {**signal, "exits": str(self.plan)}


def parameter_sets(name: str, overrides: Mapping[str, object]) -> list[ParameterSet]:
    """Signals outer, exits inner; the defaults, or what ``overrides`` asks for, come first.

    With ``overrides`` the signals are theirs alone. Raises :class:`BacktestError` as
    :func:`crypto_bt.strategies.build_strategy` does.
    """
    first = build_strategy(name, overrides)
    signals = (first,) if overrides else type(first).grid()
    own = ExitPlan(stop_loss=first.stop_loss or 0.0, take_profit=first.take_profit or 0.0)
    plans = tuple(dict.fromkeys((own, *type(first).exit_grid())))
    return [
        ParameterSet(row * len(plans) + column, row, strategy, plan)
        for row, strategy in enumerate(signals)
        for column, plan in enumerate(plans)
    ]


def distinct_signals(sets: Sequence[ParameterSet]) -> list[Strategy]:
    """The strategy of each signal set of ``sets``, in order."""
    found = {each.signal_set: each.strategy for each in sets}
    return [found[number] for number in sorted(found)]


def exits_of(plan: ExitPlan, bars: int) -> Exits:
    """``plan`` as rules 15 to 19; ``bars`` of execution make one of the strategy's, for the time stop."""

    def distance(name: str) -> Distance | None:
        found = Distance(getattr(plan, name), getattr(plan, f"{name}_atr"))
        return found if found else None

    return Exits(
        stop_loss=distance("stop_loss"),
        take_profit=distance("take_profit"),
        trail_after=distance("trail_after"),
        trail_by=distance("trail_by"),
        break_even_after=distance("break_even_after"),
        break_even_offset=plan.break_even_offset,
        scale_out_at=distance("scale_out_at"),
        scale_out_share=plan.scale_out_share,
        time_stop=plan.time_stop * bars if plan.time_stop is not None else None,
    )
