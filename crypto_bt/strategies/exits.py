"""Ways to leave a position, as plain numbers: what the night tries beside each strategy's signals."""

from dataclasses import dataclass, fields
from typing import Final

from crypto_bt.core.errors import BacktestError


@dataclass(frozen=True, slots=True)
class ExitPlan:
    """Distances of rules 15 to 19 of docs/assumptions.md; 0 (for ``time_stop`` None): no such exit.

    A plain distance is a fraction of the entry price (``trail_by``: of the best price), one with ``_atr`` a
    multiple of the ATR at entry (:func:`crypto_bt.strategies.average_true_range`); given both, they add up.
    ``scale_out_share`` is a share of the quantity, ``time_stop`` a number of bars. Raises
    :class:`BacktestError` for a value out of range.
    """

    stop_loss: float = 0.0
    stop_loss_atr: float = 0.0
    take_profit: float = 0.0
    take_profit_atr: float = 0.0
    trail_after: float = 0.0
    trail_after_atr: float = 0.0
    trail_by: float = 0.0
    trail_by_atr: float = 0.0
    break_even_after: float = 0.0
    break_even_after_atr: float = 0.0
    break_even_offset: float = 0.0
    scale_out_at: float = 0.0
    scale_out_at_atr: float = 0.0
    scale_out_share: float = 0.5
    time_stop: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "time_stop":
                if value is not None and value < 1:
                    raise BacktestError(f"time_stop is {value}.", "It must be 1 bar or more, or null.")
            elif not 0.0 <= value < 1.0 and not (field.name.endswith("_atr") and 0.0 <= value <= 100.0):
                limit = "at most 100" if field.name.endswith("_atr") else "below 1"
                raise BacktestError(f"{field.name} is {value}.", f"It must be 0 or more and {limit}.")

    @property
    def needs_atr(self) -> bool:
        """Whether a distance is measured in average true ranges."""
        return any(getattr(self, field.name) > 0.0 for field in fields(self) if field.name.endswith("_atr"))

    @property
    def given(self) -> dict[str, float]:
        """What differs from no exit at all, by name."""
        values = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: value for name, (value, default) in values.items() if value != default}

    def __str__(self) -> str:
        """Such as ``stop_loss 0.08, time_stop 42``."""
        return ", ".join(f"{name} {value:g}" for name, value in self.given.items()) or "the signal alone"


#: For what lives on a few long moves: let them run, and give back less of them.
TREND_EXITS: Final = (
    ExitPlan(stop_loss=0.04),
    ExitPlan(stop_loss=0.12),
    ExitPlan(stop_loss_atr=3.0),
    ExitPlan(stop_loss_atr=3.0, trail_after_atr=2.0, trail_by_atr=3.0),
    ExitPlan(stop_loss=0.08, trail_after=0.08, trail_by=0.06),
    ExitPlan(stop_loss=0.08, break_even_after=0.06, break_even_offset=0.002),
    ExitPlan(stop_loss_atr=2.5, scale_out_at_atr=5.0, trail_after_atr=5.0, trail_by_atr=3.0),
    ExitPlan(stop_loss=0.08, time_stop=180),
    ExitPlan(stop_loss_atr=5.0, break_even_after_atr=5.0, break_even_offset=0.002),
)
#: For what lives on many short moves back: take them, and leave when they do not come.
REVERSION_EXITS: Final = (
    ExitPlan(stop_loss=0.10),
    ExitPlan(take_profit=0.03),
    ExitPlan(stop_loss=0.05, take_profit=0.05),
    ExitPlan(stop_loss_atr=4.0, take_profit_atr=3.0),
    ExitPlan(stop_loss=0.08, time_stop=12),
    ExitPlan(stop_loss=0.08, time_stop=36),
    ExitPlan(stop_loss=0.08, take_profit=0.06, time_stop=24),
    ExitPlan(stop_loss_atr=4.0, scale_out_at_atr=2.0, break_even_after_atr=2.0),
    ExitPlan(stop_loss_atr=6.0, time_stop=60),
)
