"""Two doubts about signals, asked every night: do they look ahead, do they look far enough back."""

from typing import Any

from crypto_bt.backtest.lookahead import find_lookahead
from crypto_bt.backtest.needs import datasets_needed
from crypto_bt.backtest.nightly.market import NightMarket
from crypto_bt.backtest.warm_up_analysis import analyse_warm_up
from crypto_bt.strategies import Strategy

#: Moments at which the past is cut off, other ones each night; and later beginnings of the history.
CUTS = 3
STARTS = 3


def examine(strategy: Strategy, market: NightMarket) -> dict[str, Any]:
    """``lookahead``: the first target that later data changed, in a sentence, or None. ``warm_up_analysis``:
    bars ``declared`` and ``needed``, targets ``compared`` and ``unsettled`` (that a longer history changed,
    positions merely held from before not counted), and what was found in a sentence."""
    candles = market.candles(strategy.timeframe)
    extras = {dataset: market.needed(dataset) for dataset in sorted(datasets_needed(strategy.needs))}
    seed = market.spec.seed + market.spec.night.toordinal()
    leak = find_lookahead(strategy, candles, extras, cuts=CUTS, seed=seed)
    need = analyse_warm_up(strategy, candles, extras, starts=STARTS)
    return {
        "lookahead": str(leak) if leak else None,
        "warm_up_analysis": {
            "declared": need.declared,
            "needed": need.needed,
            "compared": need.compared,
            "unsettled": need.differing - need.carried,
            "text": str(need),
        },
    }
