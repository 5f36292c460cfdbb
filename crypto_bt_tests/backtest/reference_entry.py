"""What an entry of the slow simulator is made of: fill, quantity, exits (rules 7, 9, 12, 15 to 19)."""

from collections.abc import Callable
from math import inf, sqrt

from crypto_bt.backtest.contracts import Contract
from crypto_bt.backtest.rules import Distance, Rules
from crypto_bt_tests.backtest.reference_margin import down, largest_notional, nearest, up
from crypto_bt_tests.backtest.reference_parts import Candle, Levels, Wish


class Refused(Exception):
    """The entry cannot be made."""


def fill_price(
    rules: Rules, contract: Contract, candle: Candle, price: float, side: int, quantity: float
) -> float:
    """Where a market order or stop of ``quantity`` is filled; ``side`` 1 buys (rules 7 and 9)."""
    share = min(1.0, quantity / candle.volume) if candle.volume > 0.0 else 1.0
    s = (
        rules.costs.slippage_bps / 10_000
        + rules.costs.range_share * (candle.high - candle.low) / candle.open
        + rules.costs.impact * sqrt(share)
    )
    s = min(s, 0.5)
    return up(price * (1 + s), contract.tick) if side == 1 else down(price * (1 - s), contract.tick)


def quantity_and_fill(
    rules: Rules, contract: Contract, wish: Wish, candle: Candle, wanted: Callable[[float], float]
) -> tuple[float, float]:
    """The quantity entered and its fill (rules 7 and 9); ``wanted`` gives the quantity at a fill price."""
    if atr_is_missing(rules, wish):
        raise Refused("an exit needs an ATR that is not known")
    expected = wanted(candle.open)
    fill = fill_price(rules, contract, candle, candle.open, wish.side, expected)
    if fill <= 0.0:
        raise Refused("the fill is rounded to 0")
    quantity = down(wanted(fill), contract.lot)
    if quantity <= 0.0 or quantity < contract.min_quantity:
        raise Refused("the quantity is too small")
    if quantity * fill < contract.min_notional:
        raise Refused("the notional is too small")
    return quantity, fill


def wanted_quantity(rules: Rules, contract: Contract, wish: Wish, fill: float, cash: float) -> float:
    """Rule 12 with ``fill`` as the fill price, before it is rounded."""
    sizing = rules.sizing
    leverage = sizing.leverage or max(1.0, sizing.exposure)
    quantity = sizing.exposure * wish.weight * cash / fill
    if sizing.risk_per_trade is not None:
        stop = stop_of(rules, contract, wish, fill)
        if abs(stop) == inf:
            raise Refused("sizing by risk needs a stop")
        risk = abs(fill - stop)
        quantity = min(quantity, sizing.risk_per_trade * cash / risk if risk else inf)
    quantity = min(quantity, largest_notional(contract.tiers, leverage) / fill)
    return min(quantity, cash / (fill * (1 / leverage + rules.costs.taker_bps / 10_000)))


def present(distance: Distance | None) -> bool:
    """A rule with both parts zero is absent."""
    return distance is not None and (distance.percent != 0.0 or distance.atr != 0.0)


def atr_is_missing(rules: Rules, wish: Wish) -> bool:
    exits = rules.exits
    used = [exits.stop_loss, exits.take_profit, exits.break_even_after, exits.scale_out_at]
    if present(exits.trail_by):
        used += [exits.trail_after, exits.trail_by]
    return wish.atr is None and any(one is not None and one.atr != 0.0 for one in used)


def length_of(distance: Distance, wish: Wish, fill: float) -> float:
    return distance.percent * fill + (distance.atr * wish.atr if wish.atr is not None else 0.0)


def stop_of(rules: Rules, contract: Contract, wish: Wish, fill: float) -> float:
    """The stop-loss: the nearer of the rule's and the strategy's."""
    side = wish.side
    found = [-side * inf]
    distance = rules.exits.stop_loss
    if distance is not None and present(distance):
        found.append(nearest(fill - side * length_of(distance, wish, fill), contract.tick))
    if wish.stop_price is not None:
        found.append(nearest(wish.stop_price, contract.tick))
    return max(found, key=lambda level: side * level)


def attach(rules: Rules, contract: Contract, wish: Wish, fill: float) -> Levels:
    """The exits of an entry at ``fill`` (rules 15 to 19)."""
    exits, side, tick = rules.exits, wish.side, contract.tick

    def ahead(distance: Distance | None) -> float:
        if distance is None or not present(distance):
            return side * inf
        return nearest(fill + side * length_of(distance, wish, fill), tick)

    if wish.stop_price is not None and side * (fill - nearest(wish.stop_price, tick)) <= 0:
        raise Refused("the strategy's stop is not on the adverse side")
    given = side * inf if wish.target_price is None else nearest(wish.target_price, tick)
    if side * (given - fill) <= 0:
        raise Refused("the strategy's target is not on the favourable side")
    trail = exits.trail_by if exits.trail_by is not None and present(exits.trail_by) else None
    trail_from = side * inf
    if trail:
        trail_from = -side * inf if not present(exits.trail_after) else ahead(exits.trail_after)
    return Levels(
        stop=stop_of(rules, contract, wish, fill),
        target=min(ahead(exits.take_profit), given, key=lambda level: side * level),
        scale_out=ahead(exits.scale_out_at),
        trail_from=trail_from,
        trail_percent=trail.percent if trail else 0.0,
        trail_amount=trail.atr * (wish.atr or 0.0) if trail else 0.0,
        break_even_from=ahead(exits.break_even_after),
        break_even=nearest(fill * (1 + side * exits.break_even_offset), tick),
    )
