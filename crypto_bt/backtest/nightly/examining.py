"""Two doubts about signals, asked every night: do they look ahead, do they look far enough back."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from crypto_bt.backtest.lookahead import find_lookaheads
from crypto_bt.backtest.needs import datasets_needed
from crypto_bt.backtest.nightly.market import NightMarket
from crypto_bt.backtest.signals import strategy_frame, targets
from crypto_bt.backtest.warm_up_analysis import WarmUpNeed, analyse_warm_up, warm_up_need
from crypto_bt.core.errors import BacktestError
from crypto_bt.strategies import Strategy

#: Moments at which the past is cut off, other ones each night; and later beginnings of the history.
CUTS = 3
STARTS = 3
#: Signals besides the defaults are examined on a part of the history, another one each night: so many bars
#: and so many times the longest warm-up, with one later beginning.
BARS_OF_OTHERS = 400
WARM_UPS_OF_OTHERS = 3


def examine(strategies: Sequence[Strategy], market: NightMarket) -> dict[str, Any]:
    """What is found of all signals of one strategy, the defaults first: any of them can come to be in charge.

    ``examined``: how many. ``across_symbols``: whether targets of one symbol depend on the others (of the
    defaults). ``lookahead``: the first target that later data changed, in a sentence, or None.
    ``warm_up_analysis``, of the signals that settle worst: bars ``declared`` and ``needed``, targets
    ``compared`` and ``unsettled`` (that a longer history changed, positions merely held from before not
    counted), and what was found in a sentence.
    """
    first = strategies[0]
    candles = market.candles(first.timeframe)
    extras = {dataset: market.needed(dataset) for dataset in sorted(datasets_needed(first.needs))}
    seed = market.spec.seed + market.spec.night.toordinal()
    leaks = find_lookaheads([first], candles, extras, cuts=CUTS, seed=seed)
    needs = [analyse_warm_up(first, candles, extras, starts=STARTS)]
    others = strategies[1:]
    part = _part(
        candles, BARS_OF_OTHERS + WARM_UPS_OF_OTHERS * max(each.warm_up for each in strategies), seed
    )
    if others:
        leaks += find_lookaheads(others, part, extras, cuts=CUTS, seed=seed)
        frame = strategy_frame(part, first, extras)
        needs += [warm_up_need(each, frame, starts=1) for each in others]
    found = [(number, str(leak)) for number, leak in enumerate(leaks) if leak]
    worst = max(range(len(needs)), key=lambda number: (_share(needs[number]), -number))
    need = needs[worst]
    return {
        "examined": len(strategies),
        "across_symbols": works_across(first, part, extras),
        "lookahead": _told(strategies, *found[0]) if found else None,
        "warm_up_analysis": {
            "declared": need.declared,
            "needed": need.needed,
            "compared": need.compared,
            "unsettled": need.differing - need.carried,
            "text": _told(strategies, worst, str(need)),
        },
    }


def works_across(
    strategy: Strategy, candles: pl.DataFrame, extras: Mapping[str, pl.DataFrame] | None = None
) -> bool:
    """Whether targets of a symbol change when half of the other symbols are not there (either half)."""
    symbols = candles["symbol"].unique().sort().to_list()
    full = targets(strategy, candles, extras)
    for half in (symbols[::2], symbols[1::2]):
        if not half:
            continue
        own = pl.col("symbol").is_in(half)
        try:
            alone = targets(strategy, candles.filter(own), extras)
        except BacktestError:
            return True
        if not alone["target"].equals(full.filter(own)["target"]):
            return True
    return False


def _part(candles: pl.DataFrame, bars: int, seed: int) -> pl.DataFrame:
    """``bars`` bars in a row of all symbols, or all there are."""
    times = candles["open_time"].unique().sort()
    first = random.Random(seed).randint(0, max(0, len(times) - bars))
    last = min(first + bars, len(times)) - 1
    return candles.filter(pl.col("open_time").is_between(times[first], times[last]))


def _share(need: WarmUpNeed) -> float:
    """The share of targets that a longer history changed."""
    return (need.differing - need.carried) / max(1, need.compared)


def _told(strategies: Sequence[Strategy], number: int, text: str) -> str:
    """``text`` of the signals ``number``, with what they have other than the defaults."""
    usual: Mapping[str, object] = strategies[0].parameters
    own = {name: value for name, value in strategies[number].parameters.items() if usual.get(name) != value}
    if not own:
        return text
    return f"With {', '.join(f'{name} {value}' for name, value in own.items())}: {text}"
