"""What the exchange says of a contract: order sizes, and the margin it asks (rules 9, 22 and 23)."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from crypto_bt.core.errors import BacktestError

MARGIN_TIERS: Final = Path(__file__).with_name("margin_tiers.json")


@dataclass(frozen=True, slots=True)
class Tier:
    """Positions with ``floor`` <= notional < ``cap`` (quote): maintenance margin ``rate``, and the highest
    leverage at which they may be entered."""

    floor: float
    cap: float
    rate: float
    max_leverage: float


@dataclass(frozen=True, slots=True)
class Contract:
    """Price ``tick``, quantity ``lot``, smallest quantity and notional (quote), ``liquidation_fee`` as a
    fraction of the notional; 0 and no tiers: the rule is absent.

    Raises :class:`BacktestError` for negative figures or tiers that do not follow one another.
    """

    tick: float = 0.0
    lot: float = 0.0
    min_quantity: float = 0.0
    min_notional: float = 0.0
    liquidation_fee: float = 0.0
    tiers: tuple[Tier, ...] = ()

    def __post_init__(self) -> None:
        for name in ("tick", "lot", "min_quantity", "min_notional", "liquidation_fee"):
            if not 0.0 <= getattr(self, name) < float("inf"):
                raise BacktestError(f"{name} of a contract is {getattr(self, name)}.", "Give 0 or more.")
        expected, rate = 0.0, 0.0
        for tier in self.tiers:
            if tier.floor != expected or tier.cap <= tier.floor or not rate <= tier.rate < 1.0:
                raise BacktestError(
                    f"{tier} does not follow the margin tier before it.",
                    "Tiers begin at 0, join without a hole, and their rates rise and are below 1.",
                )
            expected, rate = tier.cap, tier.rate

    @property
    def amounts(self) -> tuple[float, ...]:
        """Maintenance amount of each tier (rule 23), which makes the maintenance margin continuous."""
        found: list[float] = []
        for number, tier in enumerate(self.tiers):
            before = self.tiers[number - 1].rate if number else tier.rate
            found.append(tier.floor * (tier.rate - before) + (found[-1] if found else 0.0))
        return tuple(found)

    def largest_notional(self, leverage: float) -> float:
        """The largest notional that may be entered at ``leverage`` (rule 12); infinite without tiers."""
        if not self.tiers:
            return float("inf")
        return max((tier.cap for tier in self.tiers if tier.max_leverage >= leverage), default=0.0)


@cache
def margin_tiers() -> dict[str, Any]:
    """The data file: ``source``, ``collected`` (a month), ``tiers`` by symbol: [cap, rate, leverage] each."""
    found: dict[str, Any] = json.loads(MARGIN_TIERS.read_text("utf-8"))
    return found


def contract_tiers(symbols: Iterable[str]) -> dict[str, tuple[Tier, ...]]:
    """The margin tiers of those ``symbols`` that the data file knows."""
    known = margin_tiers()["tiers"]
    found: dict[str, tuple[Tier, ...]] = {}
    for symbol in symbols:
        rows = known.get(symbol)
        if rows:
            floors = [0.0, *(row[0] for row in rows[:-1])]
            found[symbol] = tuple(
                Tier(float(floor), float(cap), float(rate), float(leverage))
                for floor, (cap, rate, leverage) in zip(floors, rows, strict=True)
            )
    return found
