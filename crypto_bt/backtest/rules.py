"""What trading costs and how a position is sized and left."""

from dataclasses import dataclass, field

from crypto_bt.core.errors import BacktestError


@dataclass(frozen=True, slots=True)
class Costs:
    """Basis points (1/10,000): ``commission_bps`` of the notional of every fill; ``slippage_bps`` by which
    the price of a market or stop fill is worse than the market's (a take-profit is a limit order: none)."""

    commission_bps: float = 5.0
    slippage_bps: float = 2.0

    def __post_init__(self) -> None:
        for name, value in (("commission_bps", self.commission_bps), ("slippage_bps", self.slippage_bps)):
            if not 0.0 <= value <= 1_000.0:
                raise BacktestError(f"{name} is {value}.", "It must be from 0 to 1,000 basis points.")

    @property
    def commission(self) -> float:
        """Commission as a fraction of the notional."""
        return self.commission_bps / 10_000.0

    @property
    def slippage(self) -> float:
        """Slippage as a fraction of the price."""
        return self.slippage_bps / 10_000.0


@dataclass(frozen=True, slots=True)
class Rules:
    """``stop_loss`` and ``take_profit`` are fractions of the entry price (null: none); ``leverage`` is the
    notional at entry over the account's equity."""

    costs: Costs = field(default_factory=Costs)
    stop_loss: float | None = None
    take_profit: float | None = None
    leverage: float = 1.0

    def __post_init__(self) -> None:
        if self.stop_loss is not None and not 0.0 < self.stop_loss < 1.0:
            raise BacktestError(f"stop_loss is {self.stop_loss}.", "It must be above 0 and below 1, or null.")
        if self.take_profit is not None and not 0.0 < self.take_profit < 1.0:
            raise BacktestError(
                f"take_profit is {self.take_profit}.", "It must be above 0 and below 1, or null."
            )
        if not 0.0 < self.leverage <= 125.0:
            raise BacktestError(f"leverage is {self.leverage}.", "It must be above 0 and at most 125.")
        if self.leverage * (self.costs.commission + self.costs.slippage) >= 1.0:
            raise BacktestError(
                f"Entering at leverage {self.leverage} would cost the whole account "
                f"({self.costs.commission_bps} + {self.costs.slippage_bps} bps).",
                "Lower the leverage or the costs.",
            )
