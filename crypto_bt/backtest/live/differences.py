"""What a live trade and its twin in the backtest differ by, pair by pair.

Slippage is measured against the market price that the backtest filled at *before* its modelled slippage, so
live and model are on one scale. All in basis points (1/10,000), a cost positive: slippage of that market
price, commission of what was bought and sold together (so it compares with the rate per fill), funding of
the notional at entry. Each account is measured against its own notional, so their sizes do not matter.
"""

from typing import Final

import polars as pl

from crypto_bt.core.schemas import UTC_MS

#: ``*_live`` and ``*_model`` in basis points, null where one is not known or not comparable: exit and funding
#: only where ``same_exit``, that is both left within the tolerance. ``quantity_ratio`` is live over backtest.
#: ``entry_market`` and ``exit_market`` say whether both were market orders, as far as is known.
PAIRS_SCHEMA: Final[dict[str, pl.DataType]] = {
    "symbol": pl.String(),
    "side": pl.Int8(),
    "entry_time": UTC_MS,
    "live_entry_time": UTC_MS,
    "exit_time": UTC_MS,
    "live_exit_time": UTC_MS,
    "exit_reason": pl.String(),
    "same_exit": pl.Boolean(),
    "entry_market": pl.Boolean(),
    "exit_market": pl.Boolean(),
    "quantity_ratio": pl.Float64(),
    "entry_live": pl.Float64(),
    "entry_model": pl.Float64(),
    "exit_live": pl.Float64(),
    "exit_model": pl.Float64(),
    "commission_live": pl.Float64(),
    "commission_model": pl.Float64(),
    "funding_live": pl.Float64(),
    "funding_model": pl.Float64(),
}
_BPS: Final = 10_000.0
#: Reasons whose exit the backtest makes by a market order or a stop, with slippage.
_MARKET_EXITS: Final = ("signal", "stop", "time")
#: Reasons whose exit carries no slippage, so that all of the trade's is its entry's.
_FREE_EXITS: Final = ("target", "liquidation", "open")


def pair_differences(
    backtest: pl.DataFrame, live: pl.DataFrame, pairs: pl.DataFrame, tolerance_ms: int
) -> pl.DataFrame:
    """Each pair in :data:`PAIRS_SCHEMA`, by symbol and time.

    ``backtest`` in :data:`~crypto_bt.backtest.tables.TRADES_SCHEMA`, ``live`` in
    :data:`~crypto_bt.backtest.live.listed_trades.LIVE_SCHEMA`, ``pairs`` as
    :func:`~crypto_bt.backtest.live.matching.match_trades` gives them.
    """
    ours = market_prices(backtest)[pairs["backtest"]]
    theirs = live[pairs["live"]].select(pl.all().name.prefix("live_"))
    side = pl.col("side").cast(pl.Float64)
    closed = pl.col("live_exit_time").is_not_null() & (pl.col("exit_reason") != "open")
    apart = (pl.col("exit_time") - pl.col("live_exit_time")).dt.total_milliseconds().abs()
    both = pl.concat([ours, theirs], how="horizontal").with_columns(
        same_exit=(closed & (apart <= tolerance_ms)).fill_null(value=False)
    )
    same = pl.col("same_exit")

    def cost(price: str, market: str, direction: pl.Expr) -> pl.Expr:
        return direction * (pl.col(price) / pl.col(market) - 1.0) * _BPS

    def of_turnover(paid: str, entry: str, leaving: str, is_open: pl.Expr) -> pl.Expr:
        prices = pl.col(entry) + pl.when(is_open).then(0.0).otherwise(pl.col(leaving))
        quantity = pl.col(paid.replace("commission", "quantity"))
        return pl.col(paid) / (quantity * prices) * _BPS

    def of_entry(paid: str, entry: str) -> pl.Expr:
        return pl.col(paid) / (pl.col(paid.replace("funding", "quantity")) * pl.col(entry)) * _BPS

    return (
        both.with_columns(
            entry_market=pl.col("live_entry_maker").fill_null(value=False).not_(),
            exit_market=same
            & pl.col("exit_reason").is_in(_MARKET_EXITS)
            & pl.col("live_exit_maker").fill_null(value=False).not_(),
            quantity_ratio=pl.col("live_quantity") / pl.col("quantity"),
            entry_live=cost("live_entry_price", "entry_market_price", side),
            entry_model=cost("entry_price", "entry_market_price", side),
            exit_live=pl.when(same).then(cost("live_exit_price", "exit_market_price", -side)),
            exit_model=pl.when(same).then(cost("exit_price", "exit_market_price", -side)),
            commission_live=of_turnover(
                "live_commission", "live_entry_price", "live_exit_price", pl.col("live_exit_time").is_null()
            ),
            commission_model=of_turnover(
                "commission", "entry_price", "exit_price", pl.col("exit_reason") == "open"
            ),
            funding_live=pl.when(same).then(of_entry("live_funding", "live_entry_price")),
            funding_model=pl.when(same).then(of_entry("funding", "entry_price")),
        )
        .select(*PAIRS_SCHEMA)
        .sort("symbol", "entry_time", "side")
    )


def market_prices(trades: pl.DataFrame) -> pl.DataFrame:
    """``trades`` with ``entry_market_price`` and ``exit_market_price``: its fills before slippage.

    The table has one sum of slippage for both fills. Where the exit has none it is the entry's; else both
    fills are taken to have slipped by the same share s of the market price, so for a long entered at E and
    left at X, E s / (1 + s) + X s / (1 - s) = slippage / quantity, which is a quadratic equation in s (for a
    short E and X change places). So the sum is exact always, and the parts are where the rate is constant.
    """
    side = pl.col("side").cast(pl.Float64)
    each = pl.col("slippage") / pl.col("quantity")
    prices = pl.col("entry_price") + pl.col("exit_price")
    bend = each + side * (pl.col("exit_price") - pl.col("entry_price"))
    share = 2.0 * each / (prices + (prices * prices + 4.0 * bend * each).sqrt())
    free = pl.col("exit_reason").is_in(_FREE_EXITS)
    return trades.with_columns(
        entry_market_price=pl.when(free)
        .then(pl.col("entry_price") - side * each)
        .otherwise(pl.col("entry_price") / (1.0 + side * share)),
        exit_market_price=pl.when(free)
        .then(pl.col("exit_price"))
        .otherwise(pl.col("exit_price") / (1.0 - side * share)),
    )
