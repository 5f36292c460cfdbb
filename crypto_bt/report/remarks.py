"""What a reader has to know beside the figures: how they came about, what was left out, what they cost."""

from crypto_bt.report.figures import moment, money, names, percent, points, timeframe
from crypto_bt.report.scorecard import Comparison, Row, Scorecard
from crypto_bt.report.stamp import Stamp
from crypto_bt.report.verdicts import verdict_headline

MARK_SOURCES = {
    "exchange": "the exchange's own mark price",
    "mark_1h": "the hourly mark price candle's open",
    "candle_open": "the candle's open, for want of a mark price",
}


#: A share of the capital below which listed trades and net return count as equal.
UNSEEN = 1e-4
#: Below this many days an annualised figure says little.
SHORT_DAYS = 90


def headline(card: Scorecard, stamp: Stamp) -> str:
    """What became of the strategies; in a night without verdicts, which of them did best."""
    if stamp.shown_in_sample and stamp.days_needed and card.days is not None:
        return f"Nothing can be judged yet: {card.days} days of history, {stamp.days_needed} are needed."
    return verdict_headline(stamp, card.before) or _against_benchmark(card)


def lead(card: Scorecard, stamp: Stamp) -> str:
    """The sentence under the headline: the strategy furthest ahead of the benchmark; "" if told already."""
    if not stamp.judged:
        return ""
    return f"{'In' if stamp.shown_in_sample else 'Out of'} sample: {_against_benchmark(card)}"


def scope(card: Scorecard, stamp: Stamp) -> str:
    """On which days the figures were earned and on which chosen, in one sentence or two; "" in nights from
    before there was a choice."""
    plan = stamp.walk_forward
    if plan is None or not stamp.judged:
        return ""
    if stamp.shown_in_sample:
        days, needed = card.days or 0, stamp.days_needed or 0
        return (
            "In sample: shown, not judged. The figures are those of each strategy's first parameter set on "
            f"{days} days; to choose on past days and test on later ones takes {needed} "
            f"(training {plan.train}, purge {plan.purge}, a day to test): {max(0, needed - days)} are "
            "missing."
        )
    trained = f"all days, {plan.train} at least," if plan.anchored else f"the {plan.train} days"
    gap = f" (less {plan.purge} between)" if plan.purge else ""
    return (
        f"Out of sample: each day counts by the parameter set that did best on {trained} before it{gap}, "
        f"chosen anew every {plan.step} days."
    )


def remarks(stamp: Stamp, card: Scorecard) -> list[str]:
    """Sentences, the most important first; each night has at least the market and the costs."""
    found = [stamp.market]
    found += [text for text in (scope(card, stamp),) if text]
    found += [f"{run.name} failed and is not in the table: {run.error}" for run in stamp.runs if run.error]
    found += [run.lookahead for run in stamp.runs if run.lookahead]
    found += [stamp.trials_doubt] if stamp.trials_doubt else []
    found += [
        f"Left out: {symbol} {reason.removeprefix(symbol).strip()}."
        for symbol, reason in stamp.left_out.items()
    ]
    if stamp.without_funding:
        found.append(
            f"Backtested without funding, because none is recorded: {names(stamp.without_funding, 60)}."
        )
    found += _order_rules(stamp)
    if stamp.judged and not any(run.survivorship for run in stamp.runs):
        found.append(
            "The symbols are today's list, which survived until today; nothing is known of the universe of "
            "those days, so what that flatters is not measured."
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
            f"Not compared with the night before: its figures begin {moment(then)}, this one's {moment(now)}."
        )
    found += _differences(card)
    found += _period(card, stamp)
    found += _reconciled(stamp)
    found += [_costs(stamp), _fills(stamp)]
    if any(run.parameter_sets for run in stamp.runs):
        found.append(
            "The table parameter_sets is in sample: each set over all days, to see what the choice was made "
            "from, not what could have been earned."
        )
    return found


def _against_benchmark(card: Scorecard) -> str:
    """The strategy furthest ahead of the benchmark, or that there is none."""
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


def _period(card: Scorecard, stamp: Stamp) -> list[str]:
    """How long a time the figures cover, and what they therefore cannot tell."""
    luck = (
        "It is one history; how much of it luck explains is told with the statistics against luck."
        if any(run.luck.get("probabilistic_sharpe") is not None for run in stamp.runs)
        else "It is one history, not tested against luck: being ahead is not yet evidence of an edge."
    )
    if card.span is None or card.days is None:
        return [luck]
    first, last = card.span
    short = " So few days make annualised figures, such as the Sharpe ratio, unreliable."
    return [
        f"The figures cover {card.days} days, {moment(first)} to {moment(last)} UTC."
        f"{short if card.days < SHORT_DAYS else ''} {luck}",
        "Win rate and profit factor count closed trades; net return also counts positions still open, and so "
        "do the win rate and profit factor that the gates are held against.",
    ]


def _reconciled(stamp: Stamp) -> list[str]:
    """Where the listed trades and the net return do not add up, what lies between them."""
    least = UNSEEN * (stamp.initial_capital or 0.0)
    told = [
        f"{run.name} {money(run.reconciled['trades'])} + {money(run.reconciled['carried'])} = "
        f"{money(run.reconciled['account'])}"
        for run in stamp.runs
        if run.reconciled and abs(run.reconciled["carried"]) > least
    ]
    if not told:
        return []
    return [
        "Net result of the listed trades + positions carried past the days in charge = net return, in quote: "
        f"{'; '.join(told)}. The account shown is each day that of the set in charge, with what it held "
        "before; a trade is listed whole, by the set in charge on the day of its entry (rule 50)."
    ]


def _order_rules(stamp: Stamp) -> list[str]:
    """Which of the exchange's rules for orders could not hold, equal ones told once."""
    symbols: dict[tuple[str, ...], list[str]] = {}
    for symbol, rules in stamp.order_rules_unknown.items():
        symbols.setdefault(rules, []).append(symbol)
    return [
        f"Traded without {', '.join(rules).replace('_', ' ')}, because the home does not know them yet: "
        f"{names(own)}."
        for rules, own in symbols.items()
    ]


def _costs(stamp: Stamp) -> str:
    costs = stamp.costs
    slippage = [f"{costs['slippage_bps']:g} bps"]
    if costs["range_share"]:
        slippage.append(f"{costs['range_share'] * 100:g} % of the bar's range")
    if costs["impact"]:
        slippage.append(f"{costs['impact']:g} x the square root of the order's share of the bar's volume")
    return (
        f"Costs: commission {costs['taker_bps']:g} bps for orders at market and stops, "
        f"{costs['maker_bps']:g} bps for limit orders; slippage {' and '.join(slippage)} a fill at market; "
        "funding at each symbol's own settlements."
    )


def _fills(stamp: Stamp) -> str:
    timeframes = sorted({timeframe(run.timeframe) for run in stamp.runs if run.timeframe})
    on = timeframe(stamp.execution) if stamp.execution else ""
    if not on or timeframes == [on]:
        return "Signals are filled at the next bar's open."
    return f"Signals are filled at the next bar's open, {' and '.join(timeframes)} signals on {on} bars."
