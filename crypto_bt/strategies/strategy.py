"""What every strategy is: a frozen dataclass whose fields are its parameters."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar, Self

import polars as pl

from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.strategies.exits import TREND_EXITS, ExitPlan


@dataclass(frozen=True)
class Strategy(ABC):
    """Base of all strategies; a subclass adds its parameters as fields with defaults.

    ``timeframe`` is the candle length it sees; ``needs`` names extra columns, joined as known at each
    bar's close (:data:`crypto_bt.backtest.needs.NEEDS` lists them); ``source`` says where the idea is
    published or used; ``exits`` are the ways to leave a position that the night tries beside its own.
    ``stop_loss`` and ``take_profit`` are fractions of the entry price (null: none), ``leverage`` is entry
    notional over equity.
    """

    timeframe: ClassVar[Timeframe] = Timeframe.H4
    needs: ClassVar[tuple[str, ...]] = ()
    source: ClassVar[str] = ""
    exits: ClassVar[tuple[ExitPlan, ...]] = TREND_EXITS

    stop_loss: float | None = field(default=None, kw_only=True)
    take_profit: float | None = field(default=None, kw_only=True)
    leverage: float = field(default=1.0, kw_only=True)

    @property
    @abstractmethod
    def warm_up(self) -> int:
        """Bars of unbroken history before the first target counts; the engine holds it flat until then."""

    @abstractmethod
    def target(self) -> pl.Expr:
        """Position wanted at each bar's close: from -1 short over 0 flat to 1 long; null is flat.

        A fraction is the weight of the position at its entry; only a change of the sign is acted on.
        Evaluated on one long frame sorted by (symbol, open_time) with the columns symbol, open_time,
        close_time, open, high, low, close, volume, quote_volume, trades, taker_buy_volume and the needs.
        Look back with ``.over("symbol")``, across symbols at one time with ``.over("open_time")``; never
        one inside the other (polars evaluates the inner within the outer's groups, without an error): a
        strategy that does both is a :class:`FrameStrategy`.
        """

    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        """The parameter sets that the night tries, the defaults first. One that is not overridden has one."""
        return (cls(),)

    @classmethod
    def exit_grid(cls) -> tuple[ExitPlan, ...]:
        """The exits that the night tries with each set of :meth:`grid`: its defaults', then ``exits``."""
        own = cls()
        first = ExitPlan(stop_loss=own.stop_loss or 0.0, take_profit=own.take_profit or 0.0)
        return tuple(dict.fromkeys((first, *cls.exits)))

    @property
    def name(self) -> str:
        """The strategy's name: that of its file, or the one it is registered by."""
        return type(self).__module__.rpartition(".")[2]

    @property
    def parameters(self) -> dict[str, float | int | str | bool | None]:
        """Every field and its value, in the order of declaration."""
        return asdict(self)

    @property
    def files(self) -> tuple[Path, ...]:
        """Files beside the code that decide its targets, such as a model."""
        return ()

    def require(self, holds: bool, rule: str) -> None:
        """Raise :class:`BacktestError` naming the strategy and its parameters unless ``holds``."""
        if not holds:
            raise BacktestError(f"{self.name} requires {rule}; it was given {self.parameters}.")


@dataclass(frozen=True)
class FrameStrategy(Strategy):
    """A strategy that takes more than one step: from the whole frame to its targets, by any polars code."""

    @abstractmethod
    def targets_of(self, frame: pl.DataFrame) -> pl.Series:
        """One target for each row of ``frame``, in its order; frame and targets as in :meth:`target`."""

    def target(self) -> pl.Expr:
        return pl.struct(pl.all()).map_batches(
            lambda rows: self.targets_of(rows.struct.unnest()).cast(pl.Float64), return_dtype=pl.Float64
        )
