"""Plans of faults, drawn from a seed: which go wrong in which update, at which call."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from crypto_bt.simulator.faults import LISTING_FAULTS, ROW_FAULTS, Fault, FaultKind

TIME, INFO, CANDLES = "/fapi/v1/time", "/fapi/v1/exchangeInfo", "/fapi/v1/klines"
MARKS, FUNDING = "/fapi/v1/markPriceKlines", "/fapi/v1/fundingRate"
POSITIONING: Final = {
    "open_interest": "/futures/data/openInterestHist",
    "long_short_ratio": "/futures/data/globalLongShortAccountRatio",
    "taker_volume": "/futures/data/takerlongshortRatio",
}
#: Mended by asking again within the update. The client makes five tries.
PASSING: Final = (
    FaultKind.TOO_MANY, FaultKind.BROKEN, FaultKind.BAD_GATEWAY, FaultKind.OVERLOADED,
    FaultKind.GATEWAY_TIMEOUT, FaultKind.HTML, FaultKind.EMPTY, FaultKind.MALFORMED, FaultKind.RESET,
    FaultKind.TRUNCATED, FaultKind.TIMEOUT, FaultKind.DRIP, FaultKind.WRONG_SHAPE,
    FaultKind.NO_LISTINGS,
)  # fmt: skip
#: One symbol is not had in this update.
OF_ONE_SYMBOL: Final = (FaultKind.UNKNOWN_SYMBOL, FaultKind.DELISTED, FaultKind.UNLISTED)
#: The update ends at once and leaves the store as it was.
FATAL: Final = (FaultKind.BANNED, FaultKind.RESTRICTED, FaultKind.FORBIDDEN, FaultKind.CLOCK_SKEW)
#: Wrong in the rows: refused, or healed by a later update.
IN_ROWS: Final = tuple(sorted(ROW_FAULTS - {FaultKind.WRONG_SHAPE}))
#: Nothing is wrong but the time it takes.
_LATE: Final = FaultKind.SLOW
ALL_KINDS: Final = (*PASSING, *OF_ONE_SYMBOL, *FATAL, *IN_ROWS, _LATE)
#: No request may meet as many passing faults as it has tries, with two left for a machine that is busy.
_MOST_ON_A_PATH: Final = 3
_SLOW_SECONDS: Final = 0.02
_CANDLES_ONLY: Final = (FaultKind.HIGH_BELOW_LOW, FaultKind.SHORT_ROW, FaultKind.OTHER_TIMEFRAME)
_WITHOUT_AMOUNT: Final = (FUNDING, POSITIONING["long_short_ratio"], POSITIONING["taker_volume"])


def cannot_show(kind: FaultKind, path: str) -> bool:
    """Whether rows of ``path`` have nothing that ``kind`` could spoil."""
    candles = path in (CANDLES, MARKS)
    if kind in _CANDLES_ONLY:
        return not candles
    if kind in (FaultKind.ZERO, FaultKind.NEGATIVE):
        return path in _WITHOUT_AMOUNT
    if kind is FaultKind.OTHER_SYMBOL:
        return candles or path == POSITIONING["taker_volume"]
    if kind in (FaultKind.MISALIGNED, FaultKind.OPEN_CANDLE, FaultKind.FUTURE):
        return path == FUNDING
    if kind in (FaultKind.CONFLICT, FaultKind.REVISED):
        return path in _WITHOUT_AMOUNT[1:]
    return False


def kinds_in_turn(seed: int) -> list[FaultKind]:
    """Three kinds that ``seed`` has in any case: a few seeds in a row hold all."""
    return [ALL_KINDS[(3 * seed + place) % len(ALL_KINDS)] for place in range(3)]


def draw_kinds(seed: int, chance: random.Random, count: int) -> list[FaultKind]:
    """``count`` kinds: three by turns, the others by chance."""
    turn = kinds_in_turn(seed)
    return [*turn, *(chance.choice(ALL_KINDS) for _ in range(count - len(turn)))]


def share_out(kinds: Sequence[FaultKind], chance: random.Random) -> list[list[FaultKind]]:
    """The kinds of each update: fatal ones have one for themselves, others come by up to four."""
    updates = [[kind] for kind in kinds if kind in FATAL]
    storms: list[list[FaultKind]] = []
    for kind in (kind for kind in kinds if kind not in FATAL):
        fits = [
            storm
            for storm in storms
            if len(storm) < 4
            and kind not in storm
            and not (kind in OF_ONE_SYMBOL and any(one in OF_ONE_SYMBOL for one in storm))
        ]
        if fits and chance.random() < 0.8:
            chance.choice(fits).append(kind)
        else:
            storms.append([kind])
    updates += storms
    chance.shuffle(updates)
    return updates


@dataclass(slots=True)
class Calls:
    """The calls of an update that nothing disturbs: how many go to each path, and for which symbols.

    ``with_rows`` are those whose answer is known to hold rows enough to spoil.
    """

    symbols: Sequence[str]
    by_path: Mapping[str, int]
    with_rows: Mapping[str, int]


def place(kinds: Sequence[FaultKind], calls: Calls, chance: random.Random) -> list[Fault]:
    """The faults of one update, in the order in which they take their calls."""
    of_one = [_of_one(kind, calls, chance) for kind in kinds if kind in OF_ONE_SYMBOL]
    # Passing faults come first: each takes a call, and makes one more. Of the others each takes one of those
    # that are sure to come. The symbol that is not had may not be asked for at all.
    per_symbol = {path: count // len(calls.symbols) for path, count in calls.by_path.items()}
    lost = per_symbol if of_one else {}
    room = {path: count - lost.get(path, 0) for path, count in calls.with_rows.items()}
    sure = {path: count - lost.get(path, 0) for path, count in calls.by_path.items()}
    on_path: Counter[str] = Counter()
    passing = [_passing(kind, sure, on_path, chance) for kind in kinds if kind in PASSING]
    rows = []
    fitting = {
        kind: [path for path in room if not cannot_show(kind, path)]
        for kind in kinds
        if kind in (*IN_ROWS, _LATE)
    }
    for kind in sorted(fitting, key=lambda kind: (len(fitting[kind]), kind)):
        path = chance.choice([path for path in fitting[kind] if room[path] > 0])
        nth = chance.randint(1, room[path])
        rows.append(Fault(path, nth, kind, _SLOW_SECONDS, row=chance.randrange(1000)))
        room[path] -= 1
    fatal = [_fatal(kind, calls, chance) for kind in kinds if kind in FATAL]
    return [*passing, *of_one, *rows, *fatal]


def _passing(
    kind: FaultKind, calls: Mapping[str, int], on_path: Counter[str], chance: random.Random
) -> Fault:
    paths = [path for path in calls if on_path[path] < _MOST_ON_A_PATH]
    path = INFO if kind is FaultKind.NO_LISTINGS else chance.choice(paths)
    nth = chance.randint(1, calls[path])
    on_path[path] += 1
    seconds = {
        FaultKind.TOO_MANY: chance.randint(1, 120),
        FaultKind.TIMEOUT: 30,
        FaultKind.DRIP: 1,
    }
    return Fault(path, nth, kind, seconds.get(kind, 1))


def _of_one(kind: FaultKind, calls: Calls, chance: random.Random) -> Fault:
    symbol = chance.choice(list(calls.symbols))
    if kind in LISTING_FAULTS:
        return Fault(INFO, 1, kind, symbol=symbol)
    if chance.random() < 0.5:
        return Fault("/f", 1, FaultKind.BROKEN, symbol=symbol, times=None)
    return Fault(CANDLES, 1, kind, symbol=symbol)


def _fatal(kind: FaultKind, calls: Calls, chance: random.Random) -> Fault:
    if kind is FaultKind.CLOCK_SKEW:
        return Fault(TIME, 1, kind, chance.choice([-300, 300]))
    return Fault("/", chance.randint(1, sum(calls.by_path.values())), kind, chance.randint(1, 3600))
