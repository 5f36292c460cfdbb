"""What a day of the schedules asks of the exchange, from 00:05 to the night: one JSON object a line.

    python benchmarks/bench_day_of_requests.py

60 symbols, every schedule at its ticks in order, as the daemon would start it, on a home that had its last
update the day before. The loopback exchange counts; the market's clock is set to each tick, while limits
are kept in real time, so it takes some six minutes. Exits with 1 if a run failed.
"""

import json
import logging
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from dagster._utils.schedules import cron_string_iterator  # noqa: E402

from crypto_bt.core.universe import UNIVERSE  # noqa: E402
from crypto_bt.defs.execute import run_job  # noqa: E402
from crypto_bt.defs.partitions import range_tags, symbol_range_tags  # noqa: E402
from crypto_bt.defs.resources import Desk  # noqa: E402
from crypto_bt.defs.schedules import PLANS, Plan, newest_of_all  # noqa: E402
from crypto_bt.runtime.home import Home  # noqa: E402
from crypto_bt.settings import load_settings, render_example  # noqa: E402
from crypto_bt.simulator.server import LoopbackExchange  # noqa: E402
from crypto_bt.simulator.serving import running  # noqa: E402
from crypto_bt.simulator.synthetic import SyntheticMarket  # noqa: E402

DAY = timedelta(days=1)
BEGINS = datetime(2026, 11, 21, tzinfo=UTC)
HISTORY = 120 * DAY


@dataclass
class Clock:
    """Shows ``now`` to the exchange and the desk."""

    now: datetime

    def __call__(self) -> datetime:
        """The time."""
        return self.now


@dataclass(frozen=True)
class Asked:
    """Calls and weight that the exchange has counted, and the calls to hosts of series."""

    requests: int
    weight: int
    series: int

    def since(self, before: "Asked") -> "Asked":
        """What was asked after ``before``."""
        return Asked(
            self.requests - before.requests, self.weight - before.weight, self.series - before.series
        )


def counted(exchange: LoopbackExchange) -> Asked:
    """All that ``exchange`` was asked until now."""
    calls: Counter[bool] = Counter()
    for path, times in exchange.requests.items():
        calls[path.startswith(("/fapi/", "/futures/"))] += times
    return Asked(calls[True], exchange.weight.total, calls[False])


def ticks() -> list[tuple[datetime, Plan]]:
    """Every tick of the day, in order."""
    found = []
    for plan in PLANS:
        for moment in cron_string_iterator(BEGINS.timestamp(), plan.cron, "UTC"):
            if moment >= BEGINS + DAY:
                break
            found.append((moment.astimezone(UTC), plan))
    return sorted(found, key=lambda item: item[0])


def line(**figures: object) -> None:
    """One JSON object on a line of its own."""
    sys.stdout.write(json.dumps({"benchmark": "day_of_requests", "symbols": len(UNIVERSE), **figures}) + "\n")
    sys.stdout.flush()


def fill(desk: Desk) -> None:
    """What the home has when the day begins."""
    update = run_job("data_update", desk, tags=range_tags(BEGINS - HISTORY, BEGINS))
    feeds = run_job("sentiment_macro_update", desk, tags=range_tags(BEGINS - 30 * DAY, BEGINS))
    if not (update.success and feeds.success):
        sys.exit(f"The home could not be filled: {update.why} {feeds.why}")


def main() -> None:
    """Walk through the day."""
    logging.disable(logging.WARNING)
    clock, failed = Clock(BEGINS), []
    with (
        tempfile.TemporaryDirectory() as folder,
        running(SyntheticMarket(7, UNIVERSE, clock=clock), weight_limit=1_000_000) as exchange,
    ):
        home = Path(folder) / "home"
        Home(home).prepare(render_example(), {"EXCHANGE_URL": exchange.url, "FIXED_NOW": BEGINS.isoformat()})
        desk = replace(Desk.open(load_settings(home)), clock=clock)
        fill(desk)
        begin = counted(exchange)
        for moment, plan in ticks():
            clock.now, before = moment, counted(exchange)
            due = plan.decide(moment, newest_of_all(desk, plan.watches))
            tags = symbol_range_tags(desk.settings.SYMBOLS) if plan.by_symbol else due.tags
            outcome = run_job(plan.name, desk, partition=due.partition, tags=tags)
            if not outcome.success:
                failed.append(f"{plan.name} at {moment:%H:%M}: {outcome.why}")
            asked = counted(exchange).since(before)
            line(
                work=plan.name,
                at=f"{moment:%H:%M}",
                requests=asked.requests,
                weight=asked.weight,
                series_requests=asked.series,
            )
        whole = counted(exchange).since(begin)
        line(
            work="the whole day",
            requests=whole.requests,
            weight=whole.weight,
            series_requests=whole.series,
            responses_429=exchange.responses_429,
        )
    sys.exit("\n".join(failed) if failed else 0)


if __name__ == "__main__":
    main()
