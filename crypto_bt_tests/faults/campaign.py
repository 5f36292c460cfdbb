"""One seed of the fault campaign: several updates under faults, and the stored set against the market's own.

Real are the client, the socket, the validation, the store and the update; only waits pass in fake time. Each
update asks again for all days since the campaign began, as a repair does.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from crypto_bt.core.datasets import DATASETS, POSITIONING_DATASETS
from crypto_bt.core.market import Timeframe
from crypto_bt.defs.changes import Window
from crypto_bt.defs.ingest import IngestReport, requests_for
from crypto_bt.simulator.faults import Fault, FaultKind, FaultPlan
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt.store import SnapshotStore
from crypto_bt_tests.faults import plans
from crypto_bt_tests.faults.expected import Refused, dataset_of, keys_lost, refusals
from crypto_bt_tests.faults.ground_truth import stored, truth
from crypto_bt_tests.faults.updates import SHARE, run_update
from crypto_bt_tests.sources.fake_time import FakeTime

BEGIN: Final = datetime(2026, 3, 2, tzinfo=UTC)
_OLD: Final = ("BTCUSDT", "ETHUSDT", "SUIUSDT", "XMRUSDT", "1000PEPEUSDT", "TRXUSDT")
_YOUNG: Final = "NEWCOINUSDT"
_OPTIONAL: Final = ("candles_15m", "candles_1d", "mark_price_1h", *plans.POSITIONING)
#: A candle that is doubted waits a day at most (see core.doubt).
_DOUBT: Final = timedelta(days=1, hours=1)
_JUMP: Final = "jump"


@dataclass
class Outcome:
    """What happened to one seed: ``fired`` by kind, and everything that was not as it must be."""

    seed: int
    fired: Counter[FaultKind] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)

    def check(self, held: bool, what: str) -> None:
        """Note ``what`` as a failure unless ``held``."""
        if not held:
            self.failures.append(f"seed {self.seed}: {what}")


@dataclass
class Campaign:
    """The state of one seed between updates."""

    seed: int
    folder: Path

    def __post_init__(self) -> None:
        self.chance = random.Random(f"faults {self.seed}")
        self.outcome = Outcome(self.seed)
        self.now = BEGIN + timedelta(days=3, minutes=self.chance.randrange(1440))
        old = self.chance.sample(_OLD, 3)
        self.listed = self.now + timedelta(hours=self.chance.randint(2, 20))
        self.symbols = (*old, _YOUNG)
        self.market = SyntheticMarket(
            self.seed, self.symbols, lambda: self.now, onboard={_YOUNG: self.listed}
        )
        chosen = self.chance.sample(_OPTIONAL, self.chance.randint(1, 3))
        self.datasets = ("candles_1h", "candles_4h", "funding_rates", *chosen)
        self.store = SnapshotStore(self.folder / "store", views=False)
        self.time = FakeTime()
        self.refused: set[Refused] = set()
        self.unsure: set[Refused] = set()
        self.revised: set[tuple[str, str, datetime]] = set()

    @property
    def window(self) -> Window:
        """All days since the campaign began, today included."""
        return Window(BEGIN, Timeframe.D1.floor(self.now) + timedelta(days=1))

    def calls(self) -> plans.Calls:
        """What an undisturbed update asks in any case."""
        # The young symbol has no closed candle of each timeframe yet: it may be asked for or not.
        sure = self.symbols[:-1]
        paths = {
            "mark_price_1h": plans.MARKS, "funding_rates": plans.FUNDING, **plans.POSITIONING,
        }  # fmt: skip
        by_path = Counter({plans.TIME: 1, plans.INFO: 1})
        with_rows: Counter[str] = Counter()
        for dataset in self.datasets:
            path = paths.get(dataset, plans.CANDLES)
            by_path[path] += len(sure)
            first = path in plans.POSITIONING.values() and any(
                not stored(self.store, dataset, [symbol], BEGIN, self.now)
                for symbol in self.symbols
                if symbol != _YOUNG or self.listed <= self.now
            )
            # The first question for positioning goes back 30 days, over more than one page.
            with_rows[path] += 0 if first else len(sure)
        return plans.Calls(sure, by_path, with_rows)

    def update(self, faults: list[Fault]) -> IngestReport | None:
        """One update under ``faults``; its report, None when it failed. Checks what must hold meanwhile."""
        outcome, before = self.outcome, self.store.current()
        starts = {
            (request.dataset, request.symbol): request.start
            for dataset in self.datasets
            for request in requests_for(self.store, dataset, self.symbols, self.window, self.now)
        }
        self.time.seconds += 600
        limit = self.chance.choice([120, 400, 2400])
        run = run_update(
            self.market,
            self.store,
            self.time,
            faults,
            datasets=self.datasets,
            symbols=self.symbols,
            window=self.window,
            weight_limit=limit,
        )
        plan, report, error, retries = run.plan, run.report, run.error, run.usage.retries
        outcome.check(run.inside_retry_after == 0, "asked inside a Retry-After")
        outcome.check(run.peak <= limit * SHARE, f"weight {run.peak} a minute of {limit}")
        outcome.fired.update(fault.kind for fault in set(plan.fired))
        outcome.figures.update(updates=1, calls=run.calls, retries=retries)
        outcome.check(not plan.outstanding, f"did not fire: {plan.outstanding}")
        fatal = [fault for fault in faults if fault.kind in plans.FATAL]
        outcome.check(bool(fatal) == (error is not None), f"{fatal or faults}: the update ended with {error}")
        if error is not None:
            outcome.check(self.store.current() == before, "a failed update changed the store")
            if fatal and fatal[0].kind is not FaultKind.CLOCK_SKEW:
                outcome.check(run.calls <= fatal[0].nth + 7, f"{run.calls} calls, refused at {fatal[0].nth}")
                outcome.check(retries == 0, "asked again after the address was refused")
        if report is not None:
            self._note(report, plan, starts, spurious=retries > _expected_retries(plan))
        self._compare(report, plan)
        return report

    def _note(self, report: IngestReport, plan: FaultPlan, starts: dict, *, spurious: bool) -> None:
        """Remember what the faults that have shown must lead to."""
        down = {
            fault.symbol for fault in plan.fired if fault.kind in plans.OF_ONE_SYMBOL or fault.times is None
        }
        for failed, why in report.failed.items():
            explained = failed.split()[0] in down or "not asked" in why
            self.outcome.check(explained, f"{failed} failed without a fault: {why}")
        for showing in plan.shown:
            kind = showing.fault.kind
            if kind not in plans.IN_ROWS or f"{showing.symbol} {dataset_of(showing)}" in report.failed:
                continue
            self.outcome.figures["rows_spoiled"] += 1
            # A spoiled answer that came too late was asked for again, and the next was good.
            (self.unsure if spurious else self.refused).update(refusals(showing, starts, self.window.end))
            if kind is FaultKind.REVISED:
                self.revised.add((dataset_of(showing), showing.symbol, _moment(showing.times[0])))
        found = set(
            self.store.read("quarantine").select("dataset", "symbol", "open_time", "reason").iter_rows()
        )
        missing = self.refused - found
        self.outcome.check(not missing, f"not in quarantine: {sorted(missing)}")
        extra = {row for row in found - self.refused - self.unsure if row[3] != _JUMP}
        self.outcome.check(not extra, f"in quarantine without a fault: {sorted(extra)}")

    def _begin(self, dataset: str) -> datetime:
        """From when on rows are compared: the exchange still says what it said of the last 30 days."""
        return self.now - timedelta(days=29) if dataset in POSITIONING_DATASETS else BEGIN

    def _compare(self, report: IngestReport | None, plan: FaultPlan) -> None:
        """The stored rows are the market's own, but for what the faults of this very update explain.

        What could not be asked this time may lack its newest rows, and keep values that were revised before.
        """
        quarantined = self.store.read("quarantine").filter(reason=_JUMP)
        excused = {*quarantined.select("dataset", "symbol", "open_time").iter_rows()}
        excused.update(key for showing in plan.shown for key in keys_lost(showing))
        for dataset in self.datasets:
            begin, end = self._begin(dataset), self.window.end
            own = {row for symbol in self.symbols for row in truth(self.market, dataset, symbol, begin, end)}
            rows = set(stored(self.store, dataset, self.symbols, begin, end))
            asked = {
                symbol
                for symbol in (report.universe.tradable if report else ())
                if report and f"{symbol} {dataset}" not in report.failed
            }
            revised_now = {
                (showing.symbol, _moment(showing.times[0]))
                for showing in plan.shown
                if showing.fault.kind is FaultKind.REVISED and dataset_of(showing) == dataset
            }
            wrong = {row[:2] for row in rows - own}
            invented = {
                key
                for key in wrong
                if (key not in revised_now if key[0] in asked else (dataset, *key) not in self.revised)
            }
            self.outcome.check(not invented, f"{dataset} holds what the market never had: {invented}")
            missing = {row[:2] for row in own - rows if row[0] in asked} - wrong
            unexplained = {key for key in missing if (dataset, *key) not in excused}
            self.outcome.check(not unexplained, f"{dataset} lacks without a fault: {unexplained}")

    def finish(self, until: datetime) -> None:
        """Every row until ``until`` is stored as the market has it; all that was revised is on record."""
        for dataset in self.datasets:
            begin, symbols = self._begin(dataset), sorted(self.symbols)
            own = [row for symbol in symbols for row in truth(self.market, dataset, symbol, begin, until)]
            rows = stored(self.store, dataset, symbols, begin, until)
            self.outcome.figures["rows_compared"] += len(own)
            missing, extra = set(own) - set(rows), set(rows) - set(own)
            self.outcome.check(rows == own, f"{dataset}: {len(missing)} missing, {len(extra)} extra")
        recorded = set(self.store.read("revisions").select("dataset", "symbol", "open_time").iter_rows())
        lost = {key for key in self.revised if DATASETS[key[0]].timeframe is not None} - recorded
        self.outcome.check(not lost, f"revised without a record: {sorted(lost)}")
        self.outcome.check(self.store.verify().ok, "the store is damaged")


def run_seed(seed: int, folder: Path) -> Outcome:
    """Draw the plan of ``seed``, run it in ``folder``, heal, compare."""
    campaign = Campaign(seed, folder)
    chance = campaign.chance
    for kinds in plans.share_out(plans.draw_kinds(seed, chance, chance.randint(6, 9)), chance):
        campaign.update(plans.place(kinds, campaign.calls(), chance))
        campaign.now += timedelta(minutes=chance.randint(20, 600))
    until = campaign.now
    campaign.update([])
    campaign.now += _DOUBT
    campaign.update([])
    campaign.finish(until)
    return campaign.outcome


def _expected_retries(plan: FaultPlan) -> int:
    passing = sum(fault.kind in plans.PASSING and fault.times == 1 for fault in plan.fired)
    return passing + sum(fault.times is None for fault in plan.fired)


def _moment(milliseconds: int) -> datetime:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.replace(second=0, microsecond=0)
