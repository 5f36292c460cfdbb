"""Markets that are nasty on purpose, by seed: what an exchange has done at its worst, all at once."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from crypto_bt.backtest.contracts import Contract, Tier
from crypto_bt.backtest.rules import Costs, Distance, Exits, Rules, Sizing
from crypto_bt.core.market import Timeframe
from crypto_bt.core.schemas import CANDLE_SCHEMA, FUNDING_SCHEMA, MARK_SCHEMA, UTC_MS
from crypto_bt_tests.backtest.markets import START

SYMBOLS = ("AAAUSDT", "BBBUSDT")
HOUR = timedelta(hours=1)
TARGETS_SCHEMA = {
    "symbol": pl.String(),
    "open_time": UTC_MS,
    "target": pl.Float64(),
    "stop_price": pl.Float64(),
    "target_price": pl.Float64(),
    "atr": pl.Float64(),
}
Ohlcv = tuple[float, float, float, float, float]


@dataclass(frozen=True)
class Nastiness:
    """How a market misbehaves; chances are by bar, and 0 (the default) is a tame market."""

    bars: int = 60
    wild: float = 0.01
    limit_moves: float = 0.0
    gaps: float = 0.0
    still: float = 0.0
    dry: float = 0.0
    funding: float = 0.0
    #: None: no mark candles; else the chance that one is missing
    marks_missing: float | None = None
    #: None: no finer candles; else the chance that one is missing
    finer_missing: float | None = None
    filters: str = "none"
    tiers: bool = False
    change: float = 0.2
    weights: bool = False
    own_levels: float = 0.0
    wrong_side: float = 0.0
    atr_missing: float = 0.0


@dataclass
class Market:
    candles: pl.DataFrame
    targets: pl.DataFrame
    funding_rates: pl.DataFrame | None
    mark_prices: pl.DataFrame | None
    finer: pl.DataFrame | None
    contracts: dict[str, Contract] = field(default_factory=dict)
    capital: float = 1_000.0


def nasty_market(
    seed: int, how: Nastiness, timeframe: Timeframe = Timeframe.H4, symbols: Sequence[str] = SYMBOLS
) -> Market:
    """A market of these symbols; finer candles are H1."""
    rng = random.Random(seed)
    candles, finer, marks, rates, wishes = [], [], [], [], []
    contracts: dict[str, Contract] = {}
    capital = rng.choice([100.0, 1_000.0, 50_000.0])
    for symbol in symbols:
        price = rng.choice([0.00042, 1.7, 100.0, 64_000.0])
        contracts[symbol] = _contract(rng, how, price, capital)
        path = _hourly(rng, how, price, contracts[symbol].tick, how.bars * (timeframe.delta // HOUR))
        bars = _coarse(path, timeframe.delta // HOUR)
        kept = [index for index in range(len(bars)) if rng.random() >= how.gaps] or [0]
        candles += [
            (symbol, START + timeframe.delta * index, *bars[index], None, None, None) for index in kept
        ]
        missing = 1.0 if how.finer_missing is None else how.finer_missing
        finer += [
            (symbol, START + HOUR * index, *bar, None, None, None)
            for index, bar in enumerate(path)
            if rng.random() >= missing
        ]
        marks += _marks(rng, how, symbol, path)
        rates += _rates(rng, how, symbol, path)
        wishes += _wishes(rng, how, symbol, bars, timeframe.delta)
    return Market(
        candles=pl.DataFrame(candles, schema=CANDLE_SCHEMA, orient="row"),
        targets=pl.DataFrame(wishes, schema=TARGETS_SCHEMA, orient="row"),
        funding_rates=pl.DataFrame(rates, schema=FUNDING_SCHEMA, orient="row") if how.funding else None,
        mark_prices=pl.DataFrame(marks, schema=MARK_SCHEMA, orient="row")
        if how.marks_missing is not None
        else None,
        finer=pl.DataFrame(finer, schema=CANDLE_SCHEMA, orient="row")
        if how.finer_missing is not None
        else None,
        contracts=contracts,
        capital=capital,
    )


def _hourly(rng: random.Random, how: Nastiness, price: float, tick: float, count: int) -> list[Ohlcv]:
    """A random walk with jumps, limit moves, frozen and untraded hours; on the tick where there is one."""

    def on_tick(value: float) -> float:
        return max(round(value / tick), 1) * tick if tick else value

    bars: list[Ohlcv] = []
    close, dry_until = price, 0
    for number in range(count):
        if rng.random() < how.dry:
            dry_until = number + rng.choice([1, 5, 9])
        volume = 0.0 if number < dry_until else rng.choice([0.05, 0.5, 5.0, 500.0]) * 1_000.0 / price
        open_ = close * (1.0 + (rng.gauss(0.0, 2 * how.wild) if rng.random() < 0.2 else 0.0))
        if rng.random() < how.still:
            open_ = close = on_tick(open_)
            bars.append((open_, open_, open_, open_, volume))
            continue
        move = rng.gauss(0.0, how.wild)
        if rng.random() < how.limit_moves:
            move = rng.choice([-0.9, -0.5, -0.3, 0.3, 0.9, 3.0])
        if not price / 30 < open_ * (1 + move) < price * 30:
            move = 0.0
        close = open_ * (1.0 + max(move, -0.95))
        high = max(open_, close) * (1.0 + abs(rng.gauss(0.0, how.wild)))
        low = min(open_, close) * (1.0 - min(0.9, abs(rng.gauss(0.0, how.wild))))
        open_, high, low, close = (on_tick(value) for value in (open_, high, low, close))
        bars.append((open_, high, low, close, volume))
    return bars


def _coarse(path: Sequence[Ohlcv], size: int) -> list[Ohlcv]:
    groups = [path[start : start + size] for start in range(0, len(path), size)]
    return [
        (
            group[0][0], max(bar[1] for bar in group), min(bar[2] for bar in group), group[-1][3],
            sum(bar[4] for bar in group),
        )
        for group in groups
    ]  # fmt: skip


def _contract(rng: random.Random, how: Nastiness, price: float, capital: float) -> Contract:
    quantity = capital / price
    filters = {
        "none": {},
        "fine": {
            "tick": price * 1e-5, "lot": quantity * 1e-4, "min_quantity": quantity * rng.choice([1e-3, 0.4]),
            "min_notional": capital * 5e-3,
        },
        "coarse": {
            "tick": price * rng.choice([0.003, 0.04]), "lot": quantity * rng.choice([0.013, 0.3]),
            "min_notional": capital * rng.choice([0.0, 0.0, 0.5]),
        },
    }[how.filters]  # fmt: skip
    tiers = (
        Tier(0.0, capital * 0.7, 0.004, 125.0),
        Tier(capital * 0.7, capital * 3, 0.005, 100.0),
        Tier(capital * 3, capital * 8, 0.02, 25.0),
        Tier(capital * 8, capital * 20, 0.1, 5.0),
        Tier(capital * 20, capital * 1e6, 0.5, 1.0),
    )
    fee = rng.choice([0.0, 0.0125]) if how.tiers else 0.0
    return Contract(**filters, liquidation_fee=fee, tiers=tiers if how.tiers else ())


def _marks(
    rng: random.Random, how: Nastiness, symbol: str, path: Sequence[Ohlcv]
) -> list[tuple[str, datetime, float, float, float, float]]:
    """Mark candles: mostly calmer than the trades', now and then with a wick the trades never had."""
    rows = []
    for index, (open_, high, low, close, _) in enumerate(path):
        calm = rng.uniform(0.0, 1.0)
        wick = rng.uniform(0.0, 0.3) if rng.random() < 0.05 else 0.0
        top = (max(open_, close) * calm + high * (1 - calm)) * (1 + wick * rng.random())
        bottom = (min(open_, close) * calm + low * (1 - calm)) * (1 - wick * rng.random())
        if rng.random() >= (1.0 if how.marks_missing is None else how.marks_missing):
            rows.append((symbol, START + HOUR * index, open_ * rng.uniform(0.99, 1.01), top, bottom, close))
    return rows


def _rates(
    rng: random.Random, how: Nastiness, symbol: str, path: Sequence[Ohlcv]
) -> list[tuple[str, datetime, float, float | None]]:
    """Settlements at changing intervals, some at odd minutes, whose rates flip and now and then explode."""
    rows = []
    time, last = START + HOUR * rng.randrange(9), START + HOUR * len(path)
    while how.funding and time <= last:
        extreme = 30.0 if rng.random() < 0.05 else 1.0
        near = path[min((time - START) // HOUR, len(path) - 1)][0] * rng.uniform(0.9, 1.1)
        published = near if rng.random() < 0.5 else None
        rows.append((symbol, time, rng.gauss(0.0, how.funding) * extreme, published))
        time += rng.choice([8 * HOUR, 8 * HOUR, 4 * HOUR, HOUR, timedelta(minutes=90)])
    return rows


def _wishes(
    rng: random.Random, how: Nastiness, symbol: str, bars: Sequence[Ohlcv], length: timedelta
) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    value: float | None = 0.0
    for index, (_, high, low, close, _) in enumerate(bars):
        if rng.random() < how.change:
            value = rng.choice([-1.0, 0.0, 1.0])
            if how.weights:
                value = rng.choice([-0.37, -0.01, 0.004, 0.6, 0.99, 1.0, -1.0, None])
        side = -1 if (value or 0.0) < 0 else 1
        stop = target = None
        if rng.random() < how.own_levels:
            stop = close * (1 - side * rng.uniform(0.001, 0.2))
        if rng.random() < how.own_levels:
            target = close * (1 + side * rng.uniform(0.001, 0.2))
        if rng.random() < how.wrong_side:
            stop, target = (
                close * (1 + side * rng.uniform(-0.02, 0.02)),
                close * (1 - side * rng.uniform(-0.02, 0.02)),
            )
        atr = None if rng.random() < how.atr_missing else (high - low) * rng.uniform(0.5, 1.5) + close * 0.001
        rows.append((symbol, START + length * index, value, stop, target, atr))
    return rows


#: Odd figures, so that a level never lies exactly between two ticks, and no price of whole ticks is exactly
#: where a margin is lost.
_DISTANCES = (0.0, 0.0053, 0.0127, 0.0213, 0.0311, 0.0793)
_EXPOSURES = (0.5, 0.9, 1.0, 1.0, 2.0131, 3.0117, 5.0279, 20.0371, 124.91)
_LEVERAGES = (None, None, None, 1.0, 2.0137, 5.0213, 19.973, 124.73)


def nasty_rules(seed: int) -> Rules:
    """Rules at random, in all combinations of exits, costs and sizes."""
    rng = random.Random(seed)

    def distance(chance: float) -> Distance | None:
        if rng.random() >= chance:
            return None
        percent = rng.choice(_DISTANCES)
        return Distance(percent=percent, atr=rng.choice([0.0, 0.0, 0.0, 0.71, 2.3]))

    dear = rng.random() < 0.15
    exits = Exits(
        stop_loss=distance(0.5),
        take_profit=distance(0.6),
        trail_after=distance(0.4),
        trail_by=distance(0.4),
        break_even_after=distance(0.4),
        break_even_offset=rng.choice([0.0, 0.0011, 0.0107, -0.0013]),
        scale_out_at=distance(0.4),
        scale_out_share=rng.choice([0.5, 0.3, 0.013, 0.97]),
        time_stop=rng.choice([None, None, None, None, 1, 2, 7]),
    )
    exposure = rng.choice(_EXPOSURES)
    return Rules(
        costs=Costs(
            taker_bps=rng.choice([0.0, 5.0, 40.0]),
            maker_bps=rng.choice([0.0, 2.0, 30.0]),
            slippage_bps=rng.choice([0.0, 2.0, 50.0]) * (8 if dear else 1),
            range_share=rng.choice([0.0, 0.9] if dear else [0.0, 0.0, 0.02, 0.1]),
            impact=rng.choice([0.0, 0.1, 0.9] if dear else [0.0, 0.0, 0.01, 0.02]),
        ),
        exits=exits,
        sizing=Sizing(
            exposure=exposure,
            leverage=rng.choice(_LEVERAGES),
            risk_per_trade=rng.choice([0.02, 0.3])
            if exits.stop_loss is not None and rng.random() < 0.4
            else None,
        ),
    )


def nastiness(seed: int) -> Nastiness:
    """Every kind of trouble, each present or not."""
    rng = random.Random(seed)
    return Nastiness(
        bars=rng.choice([3, 20, 60, 120]),
        wild=rng.choice([0.001, 0.006, 0.02]),
        limit_moves=rng.choice([0.0, 0.0, 0.004, 0.03]),
        gaps=rng.choice([0.0, 0.0, 0.03, 0.2]),
        still=rng.choice([0.0, 0.1]),
        dry=rng.choice([0.0, 0.1]),
        funding=rng.choice([0.0, 0.0003, 0.002, 0.02]),
        marks_missing=rng.choice([None, 0.0, 0.1, 0.7]),
        finer_missing=rng.choice([None, 0.0, 0.05]),
        filters=rng.choice(["none", "none", "fine", "coarse"]),
        tiers=rng.random() < 0.5,
        change=rng.choice([0.05, 0.3, 0.7]),
        weights=rng.random() < 0.4,
        own_levels=rng.choice([0.0, 0.0, 0.5]),
        wrong_side=rng.choice([0.0, 0.0, 0.1]),
        atr_missing=rng.choice([0.0, 0.3]),
    )
