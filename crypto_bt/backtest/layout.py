"""How the kernel's arrays are laid out: parameters, statistics, recorded trades."""

from enum import IntEnum
from typing import Final

import numpy as np

#: One parameter set: which row of the signals it follows and its rules as plain fractions
#: (``stop_loss`` and ``take_profit`` 0 when there is none).
PARAMETER_DTYPE: Final = np.dtype(
    [
        ("signal_set", np.int64),
        ("stop_loss", np.float64),
        ("take_profit", np.float64),
        ("leverage", np.float64),
        ("commission", np.float64),
        ("slippage", np.float64),
    ],
    align=True,
)

#: Last axis of the kernel's output. Money is in quote units, returns and drawdown are daily fractions
#: (UTC midnights), ``profit`` and ``loss`` are the sums of the net results of won and lost closed trades.
STATISTICS: Final = (
    "final_equity",
    "trades",
    "closed_trades",
    "wins",
    "profit",
    "loss",
    "losing_streak",
    "commission",
    "slippage",
    "funding",
    "liquidations",
    "bars_held",
    "max_drawdown",
    "return_sum",
    "return_square_sum",
    "downside_square_sum",
)

#: Columns of a recorded trade; bars are indexes into the arrays of :class:`~crypto_bt.backtest.bars.Bars`.
TRADE_FIELDS: Final = (
    "entry_bar",
    "exit_bar",
    "side",
    "quantity",
    "entry_price",
    "exit_price",
    "commission",
    "slippage",
    "funding",
    "equity_before",
    "reason",
    "inside_bar",
)


class ExitReason(IntEnum):
    """Why a position was left; the lower-case name is what the trades table shows."""

    SIGNAL = 1
    STOP = 2
    TARGET = 3
    LIQUIDATION = 4
    GAP = 5
    OPEN = 6

    @property
    def label(self) -> str:
        """The word in the trades table."""
        return self.name.lower()
