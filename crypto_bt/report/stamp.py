"""The stamp of a night, as the reports read it: where the figures come from and how they were made."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crypto_bt.core.errors import BacktestError


@dataclass(frozen=True, slots=True)
class Run:
    """One strategy of the night: its parameters, and the error that kept it from finishing, if any."""

    name: str
    timeframe: str
    parameters: Mapping[str, object]
    error: str | None


@dataclass(frozen=True, slots=True)
class Stamp:
    """``stamp.json`` with its parts named; ``left_out`` maps a symbol to the reason.

    ``cutoff`` is the moment after which nothing was known, ISO 8601. Costs are in basis points.
    ``mark_price_source`` counts the settlements by where their mark price came from.
    """

    night: str
    cutoff: str
    source: str
    snapshot: str
    digest: str
    code_version: str
    runs: tuple[Run, ...]
    benchmark: str
    commission_bps: float
    slippage_bps: float
    symbols: tuple[str, ...]
    left_out: Mapping[str, str]
    mark_price_source: Mapping[str, int]
    without_funding: tuple[str, ...]

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


def read_stamp(stamp: Mapping[str, Any]) -> Stamp:
    """``stamp`` (the object in ``stamp.json``) as a :class:`Stamp`; BacktestError naming what it lacks."""
    try:
        return Stamp(
            night=stamp["night"],
            cutoff=stamp["cutoff"],
            source=stamp["snapshot"]["source"],
            snapshot=stamp["snapshot"]["id"],
            digest=stamp["snapshot"]["digest"],
            code_version=stamp["code_version"],
            runs=tuple(
                Run(entry["name"], str(entry.get("timeframe", "")), entry["parameters"], entry["error"])
                for entry in stamp["strategies"]
            ),
            benchmark=stamp["benchmark"],
            commission_bps=stamp["costs"]["taker_bps"],
            slippage_bps=stamp["costs"]["slippage_bps"],
            symbols=tuple(stamp["symbols"]),
            left_out=dict(sorted(stamp["left_out"].items())),
            mark_price_source=dict(stamp["mark_price_source"]),
            without_funding=tuple(stamp["symbols_without_funding"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise BacktestError(
            f"The night's stamp cannot be read: {type(error).__name__} {error}.",
            "Run the night again: crypto-bt backtest",
        ) from error
