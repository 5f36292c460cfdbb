"""What a reader has to know beside the figures: the market, what was left out, the mark prices."""

from crypto_bt.report.figures import moment, names, percent, points
from crypto_bt.report.scorecard import Comparison, Row, Scorecard
from crypto_bt.report.stamp import Stamp

MARK_SOURCES = {
    "exchange": "the exchange's own mark price",
    "mark_1h": "the hourly mark price candle's open",
    "candle_open": "the candle's open, for want of a mark price",
}


#: Below this many days an annualised figure says little.
SHORT_DAYS = 90


def headline(card: Scorecard) -> str:
    """The night in one sentence with its figures: the strategy furthest ahead of the benchmark, or none."""
    rivals = [
        (row.versus_benchmark.difference, row)
        for row in card.rows
        if row.versus_benchmark is not None and row.versus_benchmark.difference is not None
    ]
    reference = card.reference
    if not rivals or reference is None:
        return "No strategy could be compared with the benchmark."
    ahead, best = max(rivals, key=lambda rival: (rival[0], -rival[1].rank))
    figure, gap = percent(best.portfolio.net_return), points(abs(ahead)).removeprefix("+")
    benchmark = f"{card.benchmark} ({percent(reference.portfolio.net_return)})"
    where = _where(best)
    if ahead <= 0:
        return (
            f"No strategy beat {benchmark}; {best.strategy} came closest with {figure}, {gap} behind{where}."
        )
    if (best.portfolio.net_return or 0.0) < 0:
        return f"{best.strategy} lost too ({figure}), but {gap} less than {benchmark}{where}."
    return f"{best.strategy} made {figure} and beat {benchmark} by {gap}{where}."


def remarks(stamp: Stamp, card: Scorecard) -> list[str]:
    """Sentences, the most important first; each night has at least the market and the costs."""
    found = [stamp.market]
    found += [f"{run.name} failed and is not in the table: {run.error}" for run in stamp.runs if run.error]
    found += [
        f"Left out: {symbol} {reason.removeprefix(symbol).strip()}."
        for symbol, reason in stamp.left_out.items()
    ]
    if stamp.without_funding:
        found.append(
            f"Backtested without funding, because none is recorded: {names(stamp.without_funding, 60)}."
        )
    used = [
        f"{count:,} times at {MARK_SOURCES.get(source, source)}"
        for source, count in stamp.mark_price_source.items()
        if count
    ]
    if used:
        found.append(f"Funding was settled {', '.join(used)}.")
    if card.gone:
        found.append(f"Ran the night before and not in this one: {', '.join(card.gone)}.")
    if card.began:
        now, then = card.began
        found.append(
            "Not compared with the night before: "
            f"its history begins {moment(then)}, this one's {moment(now)}."
        )
    found += _differences(card)
    found += _period(card)
    found.append(
        f"Costs: commission {stamp.commission_bps:g} bps and slippage {stamp.slippage_bps:g} bps a fill, "
        "funding at each symbol's own settlements. Signals are filled at the next bar's open."
    )
    return found


def _where(row: Row) -> str:
    """Which symbols a difference is about, when the two sides do not have the same ones."""
    other = row.versus_benchmark
    if other is None or not (other.only_this or other.only_other):
        return ""
    return f" on the {len(other.symbols)} symbols both have"


def _differences(card: Scorecard) -> list[str]:
    """A sentence for every comparison in which a symbol is on one side alone; equal ones are told once."""
    told: dict[str, list[str]] = {}
    for row in card.rows:
        told.setdefault(_one_sided("the benchmark", row.versus_benchmark), []).append(row.strategy)
        told.setdefault(_one_sided("the night before", row.versus_previous), []).append(row.strategy)
    return [f"{', '.join(strategies)} {what}" for what, strategies in told.items() if what]


def _one_sided(against: str, other: Comparison | None) -> str:
    if other is None or not (other.only_this or other.only_other):
        return ""
    return (
        f"compared with {against} on {len(other.symbols)} common symbols; only here: "
        f"{names(other.only_this, 60) or 'none'}; only there: {names(other.only_other, 60) or 'none'}."
    )


def _period(card: Scorecard) -> list[str]:
    """How long a time the figures cover, and what they therefore cannot tell."""
    firsts = [row.portfolio.first for row in card.rows if row.portfolio.first is not None]
    lasts = [row.portfolio.last for row in card.rows if row.portfolio.last is not None]
    luck = "It is one history, not tested against luck: being ahead is not yet evidence of an edge."
    if not firsts or not lasts:
        return [luck]
    first, last = min(firsts), max(lasts)
    days = round((last - first).total_seconds() / 86_400)
    short = " So few days make annualised figures, such as the Sharpe ratio, unreliable."
    return [
        f"The figures cover {days} days, {moment(first)} to {moment(last)} UTC."
        f"{short if days < SHORT_DAYS else ''} {luck}",
        "Win rate and profit factor count closed trades; net return also counts positions still open.",
    ]
