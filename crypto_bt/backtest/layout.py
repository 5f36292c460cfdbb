"""How the kernel's arrays are laid out: bars, blocks, parameters, statistics, recorded trades.

Part of the kernel's source: :mod:`crypto_bt.backtest.kernel.compiled` drops the compiled code with it.
"""

from enum import IntEnum
from typing import Final

import numpy as np

#: One bar is one line of 8 float64, which is what a processor fetches at a time. The last two are what a
#: long has paid for one unit from the symbol's first bar to this bar's open, and to its end (quote).
OPEN, HIGH, LOW, CLOSE, MARK_HIGH, MARK_LOW, PAID_AT_OPEN, PAID_AT_END = range(8)
BAR_FIELDS: Final = 8

#: One block (the bars of one UTC day without a hole) is one line too: the extremes of its prices, those of
#: the opens and mark prices together, the last bar's close and what a long has paid by its end, and by how
#: much that goes up and down within the block.
BLOCK_HIGH, BLOCK_LOW, BLOCK_MARK_HIGH, BLOCK_MARK_LOW, BLOCK_CLOSE, BLOCK_PAID, BLOCK_SWING = range(7)
BLOCK_FIELDS: Final = 8

#: What is known of a contract (rule 9 and 22), plain figures of the quote currency.
CONTRACT_FIELDS: Final = ("tick", "lot", "min_quantity", "min_notional", "liquidation_fee")
CONTRACT_DTYPE: Final = np.dtype([(name, np.float64) for name in CONTRACT_FIELDS])
#: Columns of a margin tier: where it begins (quote), maintenance margin rate, maintenance amount (quote).
TIER_FLOOR, TIER_RATE, TIER_AMOUNT = range(3)

_DISTANCES: Final = ("stop", "target", "trail_after", "trail", "even_after", "scale")
#: One parameter set: which row of the signals it follows, and its rules as plain fractions; a distance has
#: a part in percent of the entry (as a fraction) and one in average true ranges. ``margin_rate``
#: is margin over notional, ``carried`` the largest notional over cash that leaves room for margin and
#: commission. ``trails``, ``moves``, ``needs_atr`` and ``costs_vary`` say which rules are in force, and
#: ``time_stop`` 0 that there is none.
PARAMETER_DTYPE: Final = np.dtype(
    [
        ("signal_set", np.int64),
        *((f"{name}_percent", np.float64) for name in _DISTANCES),
        *((f"{name}_atr", np.float64) for name in _DISTANCES),
        ("even_offset", np.float64),
        ("scale_share", np.float64),
        ("time_stop", np.int64),
        ("taker", np.float64),
        ("maker", np.float64),
        ("slippage", np.float64),
        ("range_share", np.float64),
        ("impact", np.float64),
        ("exposure", np.float64),
        ("leverage", np.float64),
        ("margin_rate", np.float64),
        ("carried", np.float64),
        ("risk", np.float64),
        ("trails", np.bool_),
        ("waits_to_trail", np.bool_),
        ("moves", np.bool_),
        ("needs_atr", np.bool_),
        ("costs_vary", np.bool_),
    ],
    align=True,
)

_ACCOUNT_FLOATS: Final = (
    "cash", "margin", "side", "held", "quantity", "entry", "market", "stop", "target", "scale", "limit",
    "trail_from", "trail_amount", "even_from", "even_stop", "best", "paid_until", "sink", "least_margin",
    "paid_from", "margin_from", "funding_from",
    "before", "commission", "slippage", "funding", "moved", "proceeds", "mark", "day_equity", "peak",
    "trough", "streak",
)  # fmt: skip
#: One account at work, its position included (``side`` 0 when flat). ``held`` is what is left of
#: ``quantity``; ``limit`` is the nearer of ``target`` and ``scale``; while the margin is ``least_margin`` or
#: more, no price short of ``sink`` can liquidate. ``paid_from``, ``margin_from`` and ``funding_from`` are as
#: of the last change of ``held``: funding from there on is one difference, whatever bars it is settled on, so
#: that no digit depends on bars to come. ``mark`` is the equity at the last close seen, ``trough`` the equity
#: below which the drawdown is a new maximum.
ACCOUNT_DTYPE: Final = np.dtype(
    [*((name, np.float64) for name in _ACCOUNT_FLOATS), ("entry_bar", np.int64), ("today", np.int64)],
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
    "refused",
    "decided_finer",
    "decided_by_stop",
)
(
    FINAL_EQUITY, TRADES, CLOSED_TRADES, WINS, PROFIT, LOSS, LOSING_STREAK, COMMISSION, SLIPPAGE, FUNDING,
    LIQUIDATIONS, BARS_HELD, MAX_DRAWDOWN, RETURN_SUM, RETURN_SQUARE_SUM, DOWNSIDE_SQUARE_SUM, REFUSED,
    DECIDED_FINER, DECIDED_BY_STOP,
) = range(19)  # fmt: skip

#: Columns of a recorded trade; bars are indexes into the arrays of :class:`~crypto_bt.backtest.bars.Bars`,
#: ``moved`` is the result at the fills before commission and funding (quote).
TRADE_FIELDS: Final = (
    "entry_bar",
    "exit_bar",
    "side",
    "quantity",
    "entry_price",
    "exit_price",
    "moved",
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
    TIME = 7
    DRAWDOWN = 8

    @property
    def label(self) -> str:
        """The word in the trades table."""
        return self.name.lower()
