"""One update as the schedule runs it, over a real socket, under planned faults; waits pass in fake time."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from crypto_bt.core.errors import SourceError
from crypto_bt.defs.changes import Window
from crypto_bt.defs.ingest import IngestReport, ingest
from crypto_bt.simulator.faults import Fault, FaultKind, FaultPlan
from crypto_bt.simulator.market import Market
from crypto_bt.simulator.serving import running
from crypto_bt.sources import Usage
from crypto_bt.store import MarketStore
from crypto_bt_tests.sources.fake_time import FakeTime
from crypto_bt_tests.sources.sessions import source_of

SHARE: Final = 0.2
#: Where the exchange hangs, the wait is real: short, and enough for a busy machine to answer all else.
_TIMEOUT_IF_HANGING: Final = 0.7
_TIMEOUT: Final = 20.0


@dataclass(frozen=True, slots=True)
class Update:
    """``report`` of an update, or the ``error`` that ended it; what the server saw: ``calls`` and limits."""

    report: IngestReport | None
    error: SourceError | None
    plan: FaultPlan
    usage: Usage
    calls: int
    peak: int
    inside_retry_after: int


def run_update(
    market: Market,
    store: MarketStore,
    time: FakeTime,
    faults: Sequence[Fault],
    *,
    datasets: Sequence[str],
    symbols: Sequence[str],
    window: Window,
    weight_limit: int = 2400,
) -> Update:
    """Run one update of ``store``, both clocks at the market's time."""
    plan = FaultPlan(faults)
    hangs = any(fault.kind in (FaultKind.TIMEOUT, FaultKind.DRIP) for fault in faults)
    report, error = None, None
    with running(market, faults=plan, clock=time.clock, weight_limit=weight_limit) as exchange:
        source = source_of(
            exchange,
            time,
            SHARE,
            check_skew=True,
            wall=market.now,
            timeout_seconds=_TIMEOUT_IF_HANGING if hangs else _TIMEOUT,
        )
        work = ingest(
            source,
            store,
            datasets=datasets,
            symbols=symbols,
            universe=symbols,
            window=window,
            published_by="fault test",
        )
        try:
            report = asyncio.run(work)
        except SourceError as failed:
            error = failed
        calls, peak = sum(exchange.requests.values()), exchange.weight.peak
        inside = exchange.calls_inside_retry_after
    return Update(report, error, plan, source.usage, calls, peak, inside)
