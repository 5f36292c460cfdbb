"""Commissions by the account's level, as the exchange publishes them for USD-M perpetuals (2025-12)."""

from typing import Final

from crypto_bt.core.errors import BacktestError

#: (maker, taker) in basis points of the notional, from the regular user (0) to VIP 9; without rebates.
FEE_TIERS: Final[tuple[tuple[float, float], ...]] = (
    (2.0, 5.0),
    (1.6, 4.0),
    (1.4, 3.5),
    (1.2, 3.2),
    (1.0, 3.0),
    (0.8, 2.7),
    (0.6, 2.5),
    (0.4, 2.2),
    (0.2, 2.0),
    (0.0, 1.7),
)


def fees_of_tier(level: int) -> tuple[float, float]:
    """Maker and taker commission of a level, basis points; raises :class:`BacktestError` for another one."""
    if not 0 <= level < len(FEE_TIERS):
        raise BacktestError(f"There is no fee tier {level}.", f"Give 0 to {len(FEE_TIERS) - 1}.")
    return FEE_TIERS[level]
