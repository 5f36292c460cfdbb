"""A desk whose exchange and other sources answer with arbitrary bodies, over a real socket."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

from crypto_bt.core.datasets import DATASETS, SERIES_DATASETS
from crypto_bt.core.errors import SourceError
from crypto_bt.core.market import Timeframe
from crypto_bt.core.series import PLAUSIBLE
from crypto_bt.defs.changes import Window
from crypto_bt.defs.ingest_series import ingest_series
from crypto_bt.simulator.faults import Fault, FaultKind, FaultPlan
from crypto_bt.simulator.serving import running
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt.sources import series_sources
from crypto_bt.store import SnapshotStore
from crypto_bt_tests.core.rows import START
from crypto_bt_tests.faults import plans
from crypto_bt_tests.faults.ground_truth import stored, truth
from crypto_bt_tests.faults.readers import NOW, check_rows
from crypto_bt_tests.faults.updates import run_update
from crypto_bt_tests.sources.fake_time import FakeTime

SYMBOLS: Final = ("BTCUSDT", "SUIUSDT")
DATASETS_ASKED: Final = ("candles_1h", "mark_price_1h", "funding_rates", *plans.POSITIONING)
_WINDOW: Final = Window(START, Timeframe.D1.floor(NOW) + timedelta(days=1))
_EXCHANGE_PATHS: Final = (
    plans.CANDLES, plans.MARKS, plans.FUNDING, *plans.POSITIONING.values(), plans.INFO, plans.TIME,
)  # fmt: skip
_OTHER_PATHS: Final = ("/fng/", "/fred", "/graph/fredgraph.csv", "/api/v3/global", "/stablecoincharts/all")


def _faults(bodies: Sequence[bytes], paths: Sequence[str], turn: int) -> list[Fault]:
    """A body for each path, each for ever, so that no second try mends it; the paths take turns."""
    places = [paths[(turn + place) % len(paths)] for place in range(min(len(bodies), len(paths)))]
    return [
        Fault(path, 1, FaultKind.OTHER_BODY, times=None, body=body)
        for path, body in zip(places, bodies, strict=False)
    ]


def run_fuzzed_updates(bodies: Sequence[bytes], turn: int, folder: Path) -> Counter[str]:
    """An update under ``bodies``, and one without; AssertionError where a bad row is stored or one is lost.

    Counts the bodies ``sent``, and the updates that ``failed`` as a whole.
    """
    market, store, time = (
        SyntheticMarket(3, SYMBOLS, lambda: NOW),
        SnapshotStore(folder, views=False),
        FakeTime(),
    )

    def update(*faults: Fault):
        time.seconds += 600
        return run_update(
            market, store, time, faults, datasets=DATASETS_ASKED, symbols=SYMBOLS, window=_WINDOW
        )

    # Clock and listings by themselves: an update that they stop asks nothing else.
    fuzzed = update(*_faults(bodies, _EXCHANGE_PATHS if turn % 4 == 0 else _EXCHANGE_PATHS[:-2], turn))
    for dataset in DATASETS_ASKED:
        check_rows(dataset, store.read(dataset), NOW)
    assert update().error is None
    for dataset in DATASETS_ASKED:
        own = [row for symbol in SYMBOLS for row in truth(market, dataset, symbol, START, NOW)]
        assert stored(store, dataset, SYMBOLS, START, NOW) == own, dataset
    series = _update_series(market, store, _faults(bodies, _OTHER_PATHS, turn))
    return Counter(
        sent=len(set(fuzzed.plan.fired)) + len(set(series.fired)), failed=int(fuzzed.error is not None)
    )


def _update_series(market: SyntheticMarket, store: SnapshotStore, faults: Sequence[Fault]) -> FaultPlan:
    plan, time = FaultPlan(faults), FakeTime()
    for key in (None, "a" * 32):
        with running(market, faults=plan, clock=time.clock) as exchange:
            work = ingest_series(
                series_sources(exchange.url, key, sleep=time.sleep, chance=lambda: 0.0),
                store,
                datasets=SERIES_DATASETS,
                window=_WINDOW,
                identity=market.source,
                now=NOW,
                published_by="fuzz test",
            )
            with suppress(SourceError):
                asyncio.run(work)
    for dataset in SERIES_DATASETS:
        frame = store.read(dataset)
        assert frame.select(DATASETS[dataset].key).is_duplicated().sum() == 0
        for row in frame.iter_rows(named=True):
            low, high = PLAUSIBLE[row["series"]]
            assert low <= row["value"] <= high
            assert row["observed_at"] <= NOW
            assert row["observed_at"] <= row["available_at"]
    return plan
