"""What a plan will cost, before anything of it is asked."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.market import Listing
from crypto_bt.sources.source import Estimate, FetchPlan
from crypto_bt.sources.windows import SETTLEMENTS_PER_PAGE, candle_pages, candle_weight

#: Opening a session asks for the time and for exchangeInfo.
SESSION_REQUESTS: Final = 2
ROUND_TRIP_SECONDS: Final = 0.15
#: Most symbols settle every eight hours, lively ones every four or less.
_SETTLEMENT_EVERY: Final = timedelta(hours=4)


def estimate_plan(
    plan: FetchPlan,
    listings: Mapping[str, Listing],
    now: datetime,
    *,
    weight_per_minute: int,
    funding_calls: int,
    funding_span: float,
    concurrency: int,
) -> Estimate:
    """Requests and weight of ``plan`` for the symbols that are tradable, and about how long it takes.

    Exact for candles; settlements are taken to come every four hours. Time: full minutes of allowance that
    have to pass, and the round trips of the rest.
    """
    requests, weight, settlements = SESSION_REQUESTS, SESSION_REQUESTS, 0
    for symbol in plan.symbols:
        listing = listings.get(symbol)
        if listing is None or not listing.tradable:
            continue
        for name in plan.datasets:
            timeframe = DATASETS[name].timeframe
            if timeframe is None:
                span = min(plan.end, now) - max(plan.start, listing.onboard)
                settlements += max(math.ceil(span / (_SETTLEMENT_EVERY * SETTLEMENTS_PER_PAGE)), 0)
                continue
            pages = candle_pages(timeframe, plan.start, plan.end, listing.onboard, now)
            requests += len(pages)
            weight += sum(candle_weight(page.limit) for page in pages)
    requests += settlements
    trip = ROUND_TRIP_SECONDS / concurrency
    minutes = (weight - 1) // weight_per_minute
    rest = (weight - minutes * weight_per_minute) / weight
    spans = max(settlements - 1, 0) // funding_calls
    seconds = max(requests * trip, minutes * 60 + rest * requests * trip, spans * funding_span)
    return Estimate(requests, weight, weight_per_minute, seconds)
