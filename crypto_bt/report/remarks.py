"""What a reader has to know beside the figures: the market, what was left out, the mark prices."""

from crypto_bt.report.figures import names
from crypto_bt.report.scorecard import Scorecard
from crypto_bt.report.stamp import Stamp

MARK_SOURCES = {
    "exchange": "the exchange's own",
    "mark_1h": "the hourly mark price candle",
    "candle_open": "the candle's open",
}


def headline(card: Scorecard) -> str:
    """The night in one sentence: the best strategy against the benchmark, in plain words."""
    best, reference = card.best, card.reference
    if best is None or best.versus_benchmark is None or best.versus_benchmark.difference is None:
        return "No strategy could be compared with the benchmark."
    difference = best.versus_benchmark.difference
    if reference is not None and difference <= 0:
        return f"No strategy beat {card.benchmark}; {best.strategy} came closest."
    return f"{best.strategy} did best and beat {card.benchmark} on the symbols both traded."


def remarks(stamp: Stamp, card: Scorecard) -> list[str]:
    """Sentences, the most important first; each night has at least the market and the costs."""
    found = [stamp.market]
    found += [f"{run.name} failed and is not in the table: {run.error}" for run in stamp.runs if run.error]
    found += [f"Left out: {symbol} {reason}." for symbol, reason in stamp.left_out.items()]
    if stamp.without_funding:
        found.append(
            f"Backtested without funding, because none is recorded: {names(stamp.without_funding, 60)}."
        )
    used = [
        f"{count:,} by {MARK_SOURCES.get(source, source)}"
        for source, count in stamp.mark_price_source.items()
        if count
    ]
    if used:
        found.append(f"Mark price of the funding settlements: {', '.join(used)}.")
    if card.gone:
        found.append(f"Ran the night before and not in this one: {', '.join(card.gone)}.")
    for row in card.rows:
        other = row.versus_previous
        if other is not None and (other.only_this or other.only_other):
            found.append(
                f"Compared with the night before on {len(other.symbols)} common symbols; only in this night: "
                f"{names(other.only_this) or 'none'}; "
                f"only in the one before: {names(other.only_other) or 'none'}."
            )
            break
    found.append(
        f"Costs: commission {stamp.commission_bps:g} bps and slippage {stamp.slippage_bps:g} bps a fill, "
        "funding at each symbol's own settlements. Signals are filled at the next bar's open."
    )
    return found
