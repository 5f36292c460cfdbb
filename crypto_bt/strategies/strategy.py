"""What every strategy is: a frozen dataclass whose fields are its parameters."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import ClassVar

import polars as pl

from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe


@dataclass(frozen=True)
class Strategy(ABC):
    """Base of all strategies; a subclass adds its parameters as fields with defaults.

    ``timeframe`` is the candle length it sees; ``needs`` names extra columns, joined as known at each
    bar's close (:data:`crypto_bt.backtest.needs.NEEDS` lists them). ``stop_loss`` and ``take_profit`` are
    fractions of the entry price (null: none), ``leverage`` is entry notional over equity.
    """

    timeframe: ClassVar[Timeframe] = Timeframe.H4
    needs: ClassVar[tuple[str, ...]] = ()

    stop_loss: float | None = field(default=None, kw_only=True)
    take_profit: float | None = field(default=None, kw_only=True)
    leverage: float = field(default=1.0, kw_only=True)

    @property
    @abstractmethod
    def warm_up(self) -> int:
        """Bars of unbroken history before the first target counts; the engine holds it flat until then."""

    @abstractmethod
    def target(self) -> pl.Expr:
        """Position wanted at each bar's close: -1 short, 0 flat, 1 long; null is flat.

        Evaluated on one long frame sorted by (symbol, open_time) with the columns symbol, open_time,
        close_time, open, high, low, close, volume, quote_volume, trades, taker_buy_volume and the needs.
        Look back with ``.over("symbol")``, across symbols at one time with ``.over("open_time")``.
        """

    @property
    def name(self) -> str:
        """The strategy's name: that of its file."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def parameters(self) -> dict[str, float | int | str | bool | None]:
        """Every field and its value, in the order of declaration."""
        return asdict(self)

    def require(self, holds: bool, rule: str) -> None:
        """Raise :class:`BacktestError` naming the strategy and its parameters unless ``holds``."""
        if not holds:
            raise BacktestError(f"{self.name} requires {rule}; it was given {self.parameters}.")
