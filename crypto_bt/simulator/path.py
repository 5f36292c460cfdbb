"""The hourly path of one synthetic symbol: a function of seed, symbol and absolute time alone.

Time is cut into chunks of 52 weeks counted from :data:`~crypto_bt.simulator.listings.OPENING`. Each chunk
draws from a generator of its own, keyed by seed, symbol and chunk number; only the price level, the
volatility regime and the trend are handed from a chunk to the next. So a path grows at its end and never
changes before it, whoever asks for whichever window at whatever time.

Log price: mean reversion to the usual price (time constant 8 months), plus hourly
returns ``share`` of whose variance is the common factor. Returns are Student t with 4 degrees of freedom,
scaled by a log-normal volatility that follows a daily AR(1), with a weak and slowly changing trend:
enough for a trend follower to win in some years, too little to win in all.
"""

import hashlib
import math
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crypto_bt.core.market import Timeframe, to_milliseconds
from crypto_bt.simulator.listings import OPENING, SyntheticListing
from crypto_bt.simulator.market import FloatArray, IntArray

CHUNK_DAYS: Final = 364
CHUNK_HOURS: Final = CHUNK_DAYS * 24
_NEVER: Final = 2**62
_REVERSION: Final = 1.5 / 365
_TREND: Final = 0.09 / math.sqrt(24)
_DAYTIME: Final = 1 + 0.35 * np.sin(2 * np.pi * (np.arange(24) - 8) / 24)


def generator(seed: int, *name: object) -> np.random.Generator:
    """The random generator that belongs to ``seed`` and ``name``, on any machine and in any order."""
    text = "|".join(map(str, (seed, *name)))
    return np.random.default_rng(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))


@dataclass(frozen=True, slots=True)
class Hours:
    """Consecutive hours: prices in ticks, volume in lots, ``taker`` and ``basis`` as fractions."""

    open: NDArray[np.int32]
    high: NDArray[np.int32]
    low: NDArray[np.int32]
    close: NDArray[np.int32]
    volume: IntArray
    taker: NDArray[np.float32]
    basis: NDArray[np.float32]

    def __getitem__(self, part: slice) -> "Hours":
        return Hours(*(getattr(self, field.name)[part] for field in fields(self)))

    def __len__(self) -> int:
        return len(self.close)

    def __add__(self, later: "Hours") -> "Hours":
        return Hours(*(np.concatenate((getattr(self, f.name), getattr(later, f.name))) for f in fields(self)))


@dataclass(slots=True)
class _Regime:
    """Standard normal AR(1) states, one step a day, that one chunk hands to the next."""

    volatility: float = 0.0
    trend: float = 0.0

    def shocks(self, random: np.random.Generator) -> tuple[FloatArray, FloatArray]:
        """Returns of a chunk in units of the usual hourly deviation, and the volatility of each day."""
        states = []
        for eps_volatility, eps_trend in random.standard_normal((CHUNK_DAYS, 2)).tolist():
            self.volatility = 0.97 * self.volatility + math.sqrt(1 - 0.97**2) * eps_volatility
            self.trend = 0.95 * self.trend + math.sqrt(1 - 0.95**2) * eps_trend
            states.append((self.volatility, self.trend))
        volatility, trend = np.array(states).T
        scale = np.exp(0.4 * volatility - 0.16)
        shocks = np.clip(random.standard_t(4, (CHUNK_DAYS, 24)) / math.sqrt(2), -10, 10)
        return shocks * scale[:, None] + _TREND * trend[:, None], scale


class CommonFactor:
    """What moves all symbols at once, a chunk at a time."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._regime = _Regime()
        self._chunks: list[tuple[FloatArray, FloatArray]] = []

    def chunk(self, number: int) -> tuple[FloatArray, FloatArray]:
        """Returns (days, 24) and daily volatility of chunk ``number``, as :meth:`_Regime.shocks`."""
        while len(self._chunks) <= number:
            self._chunks.append(self._regime.shocks(generator(self._seed, "common", len(self._chunks))))
        return self._chunks[number]


class HourlyPath:
    """All hours of one symbol from its listing on, built as far as they are asked for.

    ``first_hour``, the hour that :meth:`through` begins with, is the first of the listing's day;
    ``opened_hour`` is the first that is traded, both counted from OPENING. ``closing`` (ms) is the whole
    hour in which trading ends, far away while no delisting is planned.
    """

    def __init__(self, seed: int, listing: SyntheticListing, factor: CommonFactor) -> None:
        self.listing = listing
        self.first_hour = (listing.onboard - OPENING).days * 24
        self.opened_hour = -((OPENING - listing.onboard) // timedelta(hours=1))
        self.closing = (
            _NEVER if listing.delisting is None else to_milliseconds(Timeframe.H1.floor(listing.delisting))
        )
        self._seed = seed
        self._factor = factor
        self._regime = _Regime()
        self._scale = 10.0**listing.price_decimals
        self._usual = math.log(listing.price)
        self._level = self._usual + 0.4 * float(generator(seed, listing.symbol, "level").standard_normal())
        self._next_chunk = self.first_hour // CHUNK_HOURS
        self._hours: Hours | None = None

    def through(self, hour: int) -> Hours:
        """The hours from the listing on, at least up to and including ``hour`` (counted from OPENING)."""
        while self._hours is None or len(self._hours) <= hour - self.first_hour:
            chunk = self._build(self._next_chunk, self._hours)
            self._hours = chunk if self._hours is None else self._hours + chunk
            self._next_chunk += 1
        return self._hours

    def _build(self, number: int, before: Hours | None) -> Hours:
        """The hours of chunk ``number`` that follow ``before``."""
        random = generator(self._seed, self.listing.symbol, number)
        own, own_scale = self._regime.shocks(random)
        common, common_scale = self._factor.chunk(number)
        share = self.listing.share
        usual = self.listing.volatility / math.sqrt(365 * 24)
        returns = usual * (math.sqrt(share) * common + math.sqrt(1 - share) * own)
        deviation = usual * np.repeat(np.sqrt(share * common_scale**2 + (1 - share) * own_scale**2), 24)
        # Everything is drawn for the whole chunk, so that the listing date shifts no later draw.
        wicks = np.abs(random.standard_normal((2, CHUNK_HOURS))) * 0.5 * deviation
        nudge = random.integers(0, 8, CHUNK_HOURS)
        activity = random.standard_normal(CHUNK_HOURS)
        taker = np.clip(0.5 + 0.04 * random.standard_normal(CHUNK_HOURS), 0.3, 0.7)
        basis = 0.0002 * np.clip(random.standard_normal(CHUNK_HOURS), -4, 4)
        skip = self.first_hour - number * CHUNK_HOURS if before is None else 0

        previous = round(math.exp(self._level) * self._scale) if before is None else int(before.close[-1])
        log_close = self._log_closes(returns[skip // 24 :])
        close = np.maximum(np.rint(np.exp(log_close) * self._scale), 2)
        # Mostly the previous close, sometimes a tick beside it, as between two trades.
        step = np.where(nudge == 0, -1, np.where(nudge == 1, 1, 0))[skip:]
        opened = np.maximum(np.concatenate(([previous], close[:-1])) + step, 2)
        top, bottom = np.maximum(opened, close), np.minimum(opened, close)
        surprise = np.abs(returns.ravel()) / deviation
        usual_lots = self.listing.turnover * 10.0**self.listing.quantity_decimals / np.exp(log_close)
        mood = np.exp(0.5 * activity + 0.35 * np.minimum(surprise, 6) - 0.4) * np.repeat(own_scale, 24)
        lots = usual_lots * (mood * np.tile(_DAYTIME, CHUNK_DAYS))[skip:]
        return Hours(
            open=opened.astype(np.int32),
            high=(top + np.floor(top * wicks[0, skip:])).astype(np.int32),
            low=np.maximum(bottom - np.floor(bottom * wicks[1, skip:]), 1).astype(np.int32),
            close=close.astype(np.int32),
            volume=np.maximum(np.rint(lots), 1).astype(np.int64),
            taker=taker[skip:].astype(np.float32),
            basis=basis[skip:].astype(np.float32),
        )

    def _log_closes(self, returns: FloatArray) -> FloatArray:
        """Log closes of whole days of ``returns``; moves the level to the end of the last."""
        levels, pulls = [], []
        for total in returns.sum(axis=1).tolist():
            pull = _REVERSION * (self._usual - self._level)
            levels.append(self._level)
            pulls.append(pull)
            self._level += total + pull
        rising = np.arange(1, 25) / 24
        within = np.cumsum(returns, axis=1) + np.array(pulls)[:, None] * rising
        closes: FloatArray = (np.array(levels)[:, None] + within).ravel()
        return closes
