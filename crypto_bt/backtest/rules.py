"""What trading costs, how a position is sized and how it is left: the settings of docs/assumptions.md."""

from dataclasses import dataclass, field
from math import isfinite

from crypto_bt.core.errors import BacktestError

MAX_LEVERAGE = 125.0


def _require(holds: bool, name: str, value: object, rule: str) -> None:
    if not holds:
        raise BacktestError(f"{name} is {value}.", f"It must be {rule}.")


@dataclass(frozen=True, slots=True)
class Distance:
    """``percent`` of the entry fill, as a fraction (0.02 is 2 %), plus ``atr`` average true ranges."""

    percent: float = 0.0
    atr: float = 0.0

    def __post_init__(self) -> None:
        _require(0.0 <= self.percent < 1.0, "percent", self.percent, "a fraction from 0 to below 1")
        _require(0.0 <= self.atr <= 1_000.0, "atr", self.atr, "from 0 to 1,000")

    def __bool__(self) -> bool:
        """Whether it is a distance at all: a rule with both parts 0 is absent."""
        return self.percent != 0.0 or self.atr != 0.0


@dataclass(frozen=True, slots=True)
class Costs:
    """Rules 7 and 8. Basis points (1/10,000) of the notional: ``taker_bps`` for market orders and stops,
    ``maker_bps`` for limit orders. ``slippage_bps`` of the price, ``range_share`` of the bar's range and
    ``impact`` x root of the share of the bar's volume make market orders and stops worse."""

    taker_bps: float = 5.0
    maker_bps: float = 2.0
    slippage_bps: float = 2.0
    range_share: float = 0.0
    impact: float = 0.0

    def __post_init__(self) -> None:
        for name in ("taker_bps", "maker_bps", "slippage_bps"):
            value = getattr(self, name)
            _require(0.0 <= value <= 1_000.0, name, value, "from 0 to 1,000 basis points")
        for name in ("range_share", "impact"):
            value = getattr(self, name)
            _require(0.0 <= value <= 1.0, name, value, "from 0 to 1")


@dataclass(frozen=True, slots=True)
class Exits:
    """Rules 15 to 19; None: no such exit. ``trail_by.percent`` is of the best price, not of the entry;
    ``break_even_offset`` a fraction of the entry fill; ``time_stop`` a number of bars."""

    stop_loss: Distance | None = None
    take_profit: Distance | None = None
    trail_after: Distance | None = None
    trail_by: Distance | None = None
    break_even_after: Distance | None = None
    break_even_offset: float = 0.0
    scale_out_at: Distance | None = None
    scale_out_share: float = 0.5
    time_stop: int | None = None

    def __post_init__(self) -> None:
        _require(
            -1.0 < self.break_even_offset < 1.0, "break_even_offset", self.break_even_offset,
            "above -1 and below 1",
        )  # fmt: skip
        _require(0.0 < self.scale_out_share < 1.0, "scale_out_share", self.scale_out_share, "between 0 and 1")
        _require(self.time_stop is None or self.time_stop >= 1, "time_stop", self.time_stop, "1 bar or more")

    @property
    def needs_atr(self) -> bool:
        """Whether an exit that is in force is measured in average true ranges."""
        used = [self.stop_loss, self.take_profit, self.break_even_after, self.scale_out_at]
        if self.trail_by:
            used += [self.trail_after, self.trail_by]
        return any(distance is not None and distance.atr != 0.0 for distance in used)


@dataclass(frozen=True, slots=True)
class Sizing:
    """Rules 12 and 13. ``exposure`` is the notional of a full-weight entry over the cash; ``leverage`` the
    notional over the isolated margin (None: the exposure, at least 1); ``risk_per_trade`` the fraction of
    the cash that an entry may lose at its stop (None: no such limit)."""

    exposure: float = 1.0
    leverage: float | None = None
    risk_per_trade: float | None = None

    def __post_init__(self) -> None:
        _require(0.0 < self.exposure <= MAX_LEVERAGE, "exposure", self.exposure, "above 0 and at most 125")
        if self.leverage is not None:
            _require(
                1.0 <= self.leverage <= MAX_LEVERAGE, "leverage", self.leverage, "from 1 to 125, or null"
            )
        if self.risk_per_trade is not None:
            _require(
                isfinite(self.risk_per_trade) and 0.0 < self.risk_per_trade <= 1.0,
                "risk_per_trade", self.risk_per_trade, "above 0 and at most 1, or null",
            )  # fmt: skip

    @property
    def leverage_used(self) -> float:
        """Notional over margin of every position."""
        return self.leverage if self.leverage is not None else max(1.0, self.exposure)


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that is not the market's and not the strategy's targets."""

    costs: Costs = field(default_factory=Costs)
    exits: Exits = field(default_factory=Exits)
    sizing: Sizing = field(default_factory=Sizing)
