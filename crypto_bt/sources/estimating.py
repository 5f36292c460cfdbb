"""What a plan will cost, before anything of it is asked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from crypto_bt.core.datasets import DATASETS, POSITIONING_DATASETS
from crypto_bt.core.market import Listing
from crypto_bt.sources.source import Estimate, FetchPlan
from crypto_bt.sources.windows import (
    SETTLEMENTS_PER_PAGE,
    candle_pages,
    candle_weight,
    positioning_pages,
)

#: Opening a session asks for the time and for exchangeInfo.
SESSION_REQUESTS: Final = 2
ROUND_TRIP_SECONDS: Final = 0.15
#: Most symbols settle every eight hours, lively ones every four or less.
_SETTLEMENT_EVERY: Final = timedelta(hours=4)


@dataclass(frozen=True, slots=True)
class CallLimit:
    """``calls`` that we may make in any ``span`` seconds, of questions that cost no weight."""

    calls: int
    span: float

    def seconds(self, calls: int) -> float:
        """Seconds until the last of ``calls`` may go, when nothing else is asked."""
        return max(calls - 1, 0) // self.calls * self.span


def estimate_plan(
    plan: FetchPlan,
    listings: Mapping[str, Listing],
    now: datetime,
    *,
    weight_per_minute: int,
    funding: CallLimit,
    positioning: CallLimit,
    concurrency: int,
) -> Estimate:
    """Requests and weight of ``plan`` for the symbols that are tradable, and about how long it takes.

    Exact for candles and positioning; settlements are taken to come every four hours. Time: full minutes of
    allowance that have to pass, and the round trips of the rest.
    """
    requests, weight, settlements, positions = SESSION_REQUESTS, SESSION_REQUESTS, 0, 0
    for symbol in plan.symbols:
        listing = listings.get(symbol)
        if listing is None or not listing.tradable:
            continue
        for name in plan.datasets:
            timeframe = DATASETS[name].timeframe
            if name in POSITIONING_DATASETS:
                positions += len(positioning_pages(plan.start, plan.end, listing.onboard, now))
            elif timeframe is None:
                span = min(plan.end, now) - max(plan.start, listing.onboard)
                settlements += max(math.ceil(span / (_SETTLEMENT_EVERY * SETTLEMENTS_PER_PAGE)), 0)
            else:
                pages = candle_pages(timeframe, plan.start, plan.end, listing.onboard, now)
                requests += len(pages)
                weight += sum(candle_weight(page.limit) for page in pages)
    requests += settlements + positions
    trip = ROUND_TRIP_SECONDS / concurrency
    minutes = (weight - 1) // weight_per_minute
    rest = (weight - minutes * weight_per_minute) / weight
    seconds = max(
        requests * trip,
        minutes * 60 + rest * requests * trip,
        funding.seconds(settlements),
        positioning.seconds(positions),
    )
    return Estimate(requests, weight, weight_per_minute, seconds)
