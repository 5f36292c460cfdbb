"""A strategy that is a function, called bar by bar with the bars up to now: it cannot look ahead."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from types import new_class
from typing import Any, cast

import polars as pl

from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe
from crypto_bt.strategies.kinds.stretches import stretches
from crypto_bt.strategies.strategy import FrameStrategy

#: From the bars of one symbol up to now to the position wanted: -1 to 1, None for flat.
Decide = Callable[[pl.DataFrame], float | None]


@dataclass(frozen=True)
class CallableStrategy(FrameStrategy):
    """Base of strategies that decide each bar on its own, by any Python code.

    A subclass gives ``lookback`` and :meth:`decide`; it must keep nothing between two calls. A call costs
    some 3 microseconds before its own work: 1 s for 60 symbols and 3 years of H4.
    """

    @property
    @abstractmethod
    def lookback(self) -> int:
        """How many bars, the newest included, a decision is made on."""

    @abstractmethod
    def decide(self, frame: pl.DataFrame) -> float | None:
        """The position wanted (-1 to 1, None: flat) at the close of the last row of ``frame``.

        ``frame`` has exactly ``lookback`` rows of one symbol, one after the other without a missing candle,
        and the columns of :meth:`target`; nothing later exists in it.
        """

    @property
    def warm_up(self) -> int:
        return self.lookback - 1

    def targets_of(self, frame: pl.DataFrame) -> pl.Series:
        self.require(self.lookback >= 1, "lookback >= 1")
        decided: list[float | None] = [None] * frame.height
        for first, end in stretches(frame, self.timeframe):
            for row in range(first + self.lookback - 1, end):
                decided[row] = self._checked(self.decide(frame.slice(row + 1 - self.lookback, self.lookback)))
        return pl.Series(decided, dtype=pl.Float64)

    def _checked(self, decision: object) -> float | None:
        if decision is None:
            return None
        if isinstance(decision, Real):
            return float(decision)
        raise BacktestError(
            f"{self.name} decides {decision!r}, a {type(decision).__name__}.", "It must be a number or None."
        )


def bar_by_bar(
    *, lookback: int, needs: tuple[str, ...] = (), timeframe: Timeframe = Timeframe.H4, source: str = ""
) -> Callable[[Decide], type[CallableStrategy]]:
    """Make a function ``(frame up to now) -> position`` a strategy of the function's name.

    ::

        @bar_by_bar(lookback=30)
        def above_average(frame: pl.DataFrame) -> float:
            return 1.0 if frame["close"][-1] > frame["close"].mean() else -1.0

    ``lookback`` is in bars; the function gets what :meth:`CallableStrategy.decide` gets.
    """

    def strategy_of(decide: Decide) -> type[CallableStrategy]:
        body: dict[str, Any] = {
            "__doc__": decide.__doc__,
            "__module__": decide.__module__,
            "name": decide.__name__,
            "lookback": lookback,
            "needs": needs,
            "timeframe": timeframe,
            "source": source,
            "decide": staticmethod(decide),
        }
        made = new_class(decide.__name__, (CallableStrategy,), exec_body=lambda space: space.update(body))
        return cast(type[CallableStrategy], made)

    return strategy_of
