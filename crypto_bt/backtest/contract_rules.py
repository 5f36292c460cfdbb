"""The contracts as the exchange had last described them: order rules from the universe, margin tiers of the
data file."""

from collections.abc import Iterable, Mapping
from typing import Final

import polars as pl

from crypto_bt.backtest.contracts import Contract, contract_tiers
from crypto_bt.core.schemas import ORDER_RULES

_FIELDS: Final = dict(
    zip(("tick", "lot", "min_quantity", "min_notional", "liquidation_fee"), ORDER_RULES, strict=True)
)


def contracts_known(universe: pl.DataFrame, symbols: Iterable[str]) -> dict[str, Contract]:
    """The contract of each of ``symbols``, in their order.

    ``universe`` holds rows of that dataset, of those that were available by the cutoff. Of each symbol the
    newest figure that is not null counts, for all of the past: what held before the home's first day is not
    known. A figure that no row has is 0, which means no such rule; :func:`figures_unknown` names them. Raises
    :class:`~crypto_bt.core.errors.BacktestError` for a figure that is negative or not finite.
    """
    wanted = list(dict.fromkeys(symbols))
    known, tiers = _newest(universe, wanted), contract_tiers(wanted)
    return {
        symbol: Contract(
            **{field: known.get(symbol, {}).get(column) or 0.0 for field, column in _FIELDS.items()},
            tiers=tiers.get(symbol, ()),
        )
        for symbol in wanted
    }


def figures_unknown(universe: pl.DataFrame, symbols: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Those of ``symbols`` of which ``universe`` lacks an order rule, in their order, each with the names of
    the columns that no row of it has. What :func:`contracts_known` makes of these has no such rule."""
    wanted = list(dict.fromkeys(symbols))
    known = _newest(universe, wanted)
    missing = {
        symbol: tuple(column for column in ORDER_RULES if known.get(symbol, {}).get(column) is None)
        for symbol in wanted
    }
    return {symbol: columns for symbol, columns in missing.items() if columns}


def _newest(universe: pl.DataFrame, symbols: list[str]) -> Mapping[str, Mapping[str, float | None]]:
    newest = (
        universe.select(pl.col("symbol").cast(pl.String), "day", *ORDER_RULES)
        .filter(pl.col("symbol").is_in(symbols))
        .sort("symbol", "day")
        .group_by("symbol", maintain_order=True)
        .agg(pl.col(ORDER_RULES).drop_nulls().last())
    )
    return {row["symbol"]: row for row in newest.iter_rows(named=True)}
