"""Runs portfolios with shared capital, step by step through the bars of all symbols (rules 55 to 67).

Only held positions and possible entries are touched, so that a flat symbol costs nothing.
"""

from typing import Any

from crypto_bt.backtest.kernel.accounts import start
from crypto_bt.backtest.kernel.compiled import part, whole
from crypto_bt.backtest.kernel.days import turn_day
from crypto_bt.backtest.kernel.shared_layout import (
    DAILY_STOPS,
    HALTED,
    POSITIONS,
    STEP,
    SYMBOL,
    WAITING,
)
from crypto_bt.backtest.kernel.shared_limits import ENTERED, RUINED, enter_within
from crypto_bt.backtest.kernel.shared_positions import (
    begin_step,
    book_open,
    hold_step,
    occupy,
    record_step,
)
from crypto_bt.backtest.layout import FINAL_EQUITY, REFUSED


@part
def has_fallen(equity: float, floor: float, before: float) -> Any:
    """Whether the equity is at the share ``floor`` of what it was, or below; a negative floor is absent."""
    return floor >= 0.0 and equity <= floor * before


@part
def enter_all(
    p: Any, accounts: Any, slots: Any, places: Any, held: int, market: Any, history: Any, contracts: Any,
    tiers: Any, tier_offsets: Any, largest: Any, events: Any, number: int, rules: Any, limits: Any,
    waits: bool, day: int, capital: float, row: Any,
) -> Any:  # fmt: skip
    """The entries of one step from event ``number`` on; returns the next step's first event, and how many
    positions are held then."""
    step = events[number, STEP]
    while number < events.shape[0] and events[number, STEP] == step:
        event = events[number]
        number += 1
        if waits:
            cause = WAITING
        elif held >= limits.max_positions:
            cause = POSITIONS
        else:
            symbol = event[SYMBOL]
            owed = tiers[tier_offsets[symbol] : tier_offsets[symbol + 1]]
            cause = enter_within(
                p, accounts, slots, places, held, market, history, contracts, owed, largest, event, rules,
                limits, day, capital,
            )  # fmt: skip
        if cause == ENTERED:
            occupy(places, slots[held], event, rules.time_stop)
            held += 1
        elif cause != RUINED:
            row[REFUSED] += 1.0
            row[cause] += 1.0
    return number, held


@part
def run_portfolio(
    p: Any, accounts: Any, slots: Any, places: Any, market: Any, history: Any, grid: Any, contracts: Any,
    tiers: Any, tier_offsets: Any, largest: Any, events: Any, rules: Any, limits: Any, capital: float,
    row: Any, daily: Any, trades: Any, steps: Any, stops: Any,
) -> Any:  # fmt: skip
    """One portfolio through all bars; writes ``row`` and the recordings."""
    held = number = step = midnight = waits_until = stopped = 0
    day = 0
    peak = capital
    closes = halted = False
    while True:
        if held == 0:
            if halted or number == events.shape[0]:
                break
            step = events[number, STEP]
        if step > grid.last:
            break
        if step >= midnight:
            passed = (step + grid.ahead) // grid.per_day
            day = passed + grid.day
            midnight = (passed + 1) * grid.per_day - grid.ahead
            turn_day(p, row, daily, day)
        enters = number < events.shape[0] and events[number, STEP] == step
        carried = held
        held = begin_step(
            p, accounts, slots, places, held, row, trades, rules, contracts, tiers, tier_offsets, market,
            step, closes, enters,
        )  # fmt: skip
        if enters and not halted:
            number, held = enter_all(
                p, accounts, slots, places, held, market, history, contracts, tiers, tier_offsets, largest,
                events, number, rules, limits, step < waits_until, day, capital, row,
            )  # fmt: skip
        traded = not halted and (carried > 0 or held > 0)
        held = hold_step(
            p, accounts, slots, places, held, row, trades, rules, contracts, tiers, tier_offsets, market, step
        )
        closes = False
        if not halted and has_fallen(p.mark, limits.total_floor, peak):
            closes = halted = True
            row[HALTED] = 1.0
        elif traded and step >= waits_until and has_fallen(p.mark, limits.daily_floor, p.day_equity):
            closes = True
            waits_until = step + 1 + limits.wait
            row[DAILY_STOPS] += 1.0
        if closes and stops.shape[0] > 0:
            stops[stopped, 0], stops[stopped, 1], stops[stopped, 2] = step, row[HALTED], p.mark
            stopped += 1
        peak = max(peak, p.mark)
        if steps.shape[0] > 0:
            record_step(p, accounts, slots, places, held, market, steps[step], step)
        step += 1
    book_open(accounts, slots, places, held, row, trades, market, grid.last)
    row[FINAL_EQUITY] = p.mark


@whole
def run_portfolios(
    first: int, last: int, market: Any, history: Any, grid: Any, contracts: Any, tiers: Any,
    tier_offsets: Any, largest: Any, events: Any, event_offsets: Any, parameters: Any, limits: Any,
    capital: float, statistics: Any, daily: Any, trades: Any, steps: Any, stops: Any, scratch: Any,
) -> Any:  # fmt: skip
    """The portfolios of the parameter sets ``first`` to ``last`` (exclusive), each on all symbols.

    ``events`` holds those of each signal set one after the other; ``daily`` is (parameter sets, days + 1);
    ``trades``, ``steps`` and ``stops`` have no rows unless the one parameter set is to be recorded.
    """
    p, accounts, slots, places = scratch
    for number in range(first, last):
        chosen = parameters[number].signal_set
        days = daily[number]
        days[0] = capital
        start(p, capital)
        for slot in range(slots.shape[0]):
            slots[slot] = slot
        run_portfolio(
            p, accounts, slots, places, market, history, grid, contracts, tiers, tier_offsets,
            largest[number], events[event_offsets[chosen] : event_offsets[chosen + 1]], parameters[number],
            limits[number], capital, statistics[number], days, trades, steps, stops,
        )  # fmt: skip
        turn_day(p, statistics[number], days, market.days)
