"""The file that ``crypto-bt strategy new`` writes: a strategy that works, to be changed into one's own."""

from typing import Final

_TEXT: Final = '''"""{title}: what moved away from its mean goes on. Say your own idea here, in a sentence."""

from dataclasses import dataclass
from typing import Self

import polars as pl

from crypto_bt.strategies.strategy import Strategy


@dataclass(frozen=True)
class {cls}(Strategy):
    """Long while the close is more than ``distance`` above the mean of ``window`` closes, short while as
    far below it, flat between. Say here what the parameters mean, and when the idea fails."""

    # Columns besides the candles, known at each bar's close, such as ("funding_rate", "open_interest").
    needs = ()
    # Where the idea is published or used: who reads the scorecard asks.
    source = "Not published"

    # The parameters: fields with a type and a default. stop_loss, take_profit and leverage are there already.
    window: int = 60
    distance: float = 0.02

    def __post_init__(self) -> None:
        self.require(self.window >= 2 and self.distance >= 0.0, "window >= 2 and distance >= 0")

    @classmethod
    def grid(cls) -> tuple[Self, ...]:
        """What the night tries, the defaults first. Few sets that differ tell more than many that do not."""
        return tuple(cls(window=window) for window in (60, 30, 90, 120, 180))

    @property
    def warm_up(self) -> int:
        """Bars until the longest window is full; the targets before are flat."""
        return self.window

    def target(self) -> pl.Expr:
        """The position wanted at each bar's close: 1 long, 0 flat, -1 short; a fraction is a smaller one.

        It is filled at the next bar's open. Look back with .over("symbol"); never at what comes later
        (shift(-1), a mean over the whole column): every night cuts the data and compares.
        """
        mean = pl.col("close").rolling_mean(self.window).over("symbol")
        away = pl.col("close") / mean - 1.0
        return pl.when(away > self.distance).then(1).when(away < -self.distance).then(-1).otherwise(0)
'''


def class_name(name: str) -> str:
    """``my_idea`` as the class ``MyIdea``."""
    return "".join(part.capitalize() for part in name.split("_"))


def strategy_text(name: str) -> str:
    """The source of a strategy called ``name`` that passes the tests of every strategy."""
    return _TEXT.format(title=name.replace("_", " ").capitalize(), cls=class_name(name))
