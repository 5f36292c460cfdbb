"""The desk's risk rules for one account that all symbols share: rules 55 to 68 of docs/assumptions.md."""

from dataclasses import dataclass
from math import isfinite

from crypto_bt.backtest.rules import MAX_LEVERAGE, Rules
from crypto_bt.core.errors import BacktestError


def _require(holds: bool, name: str, value: object, rule: str) -> None:
    if not holds:
        raise BacktestError(f"{name} of the portfolio is {value}.", f"It must be {rule}.")


@dataclass(frozen=True, slots=True)
class PortfolioRules:
    """Fractions of the equity unless said otherwise; None: no such limit. Each default is the desk's own.

    - ``risk_per_trade``: what one full-weight entry may lose at its stop, or its margin where it has none.
    - ``total_risk``: what all positions together may lose that way.
    - ``max_asset_share``: notional of one symbol over the equity.
    - ``max_positions``: symbols held at a time.
    - ``max_leverage``: notional of all positions over the equity, and the highest leverage of one.
    - ``max_correlation``: of the daily returns of a new position with those of any held one, by side (-1 to
      1).
    - ``target_volatility``: annual volatility that one full-weight entry may bring; the desk gives none.
    - ``daily_drawdown``: loss since the UTC day's start at which all is closed, ``wait_hours`` without
      entries after it.
    - ``total_drawdown``: loss since the peak at which all is closed for good.
    """

    risk_per_trade: float | None = 0.02
    total_risk: float | None = 0.06
    max_asset_share: float | None = 0.40
    max_positions: int = 5
    max_leverage: float = 10.0
    max_correlation: float | None = 0.80
    target_volatility: float | None = None
    daily_drawdown: float | None = 0.05
    total_drawdown: float | None = 0.15
    wait_hours: float = 24.0

    def __post_init__(self) -> None:
        for name in ("risk_per_trade", "total_risk"):
            self._require_fraction(name, 1.0)
        for name in ("max_asset_share", "target_volatility"):
            self._require_fraction(name, MAX_LEVERAGE)
        for name in ("daily_drawdown", "total_drawdown"):
            self._require_fraction(name, 1.0)
        _require(self.max_positions >= 1, "max_positions", self.max_positions, "1 or more")
        _require(1.0 <= self.max_leverage <= MAX_LEVERAGE, "max_leverage", self.max_leverage, "from 1 to 125")
        if self.max_correlation is not None:
            _require(
                -1.0 <= self.max_correlation <= 1.0,
                "max_correlation", self.max_correlation, "from -1 to 1, or null",
            )  # fmt: skip
        _require(
            isfinite(self.wait_hours) and self.wait_hours >= 0.0, "wait_hours", self.wait_hours, "0 or more"
        )

    def _require_fraction(self, name: str, most: float) -> None:
        value = getattr(self, name)
        _require(value is None or 0.0 < value <= most, name, value, f"above 0 and at most {most:g}, or null")

    def require_fit(self, rules: Rules) -> None:
        """Raise :class:`BacktestError` where ``rules`` size a position in a way the portfolio forbids."""
        leverage = rules.sizing.leverage_used
        if leverage > self.max_leverage:
            raise BacktestError(
                f"Positions have the leverage {leverage:g}, the portfolio allows {self.max_leverage:g}.",
                "Lower the leverage of the sizing, or raise max_leverage.",
            )
        if rules.sizing.risk_per_trade is not None:
            raise BacktestError(
                f"The sizing of a single account has risk_per_trade {rules.sizing.risk_per_trade:g}.",
                "With shared capital give it in the portfolio's rules alone.",
            )
