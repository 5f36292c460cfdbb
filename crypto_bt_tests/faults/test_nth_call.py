"""The n-th call of an update goes wrong, for every n: old snapshot or new one, and a repeat mends all."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crypto_bt.defs.changes import Window
from crypto_bt.simulator.faults import Fault, FaultKind
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt.store import SnapshotStore
from crypto_bt_tests.faults.ground_truth import stored, truth
from crypto_bt_tests.faults.updates import Update, run_update
from crypto_bt_tests.sources.fake_time import FakeTime

START = datetime(2026, 3, 10, tzinfo=UTC)
NOW = START + timedelta(days=2, hours=9, minutes=20)
SYMBOLS = ("BTCUSDT", "SUIUSDT")
DATASETS = ("candles_1h", "funding_rates", "open_interest")


class Desk:
    """A store in ``root``, and a market at ``now``."""

    def __init__(self, root: Path, now: datetime = NOW) -> None:
        self.market = SyntheticMarket(11, SYMBOLS, lambda: now)
        self.store = SnapshotStore(root, views=False)
        self.time = FakeTime()

    def update(self, *faults: Fault) -> Update:
        """One update over all days so far."""
        self.time.seconds += 600
        window = Window(START, START + timedelta(days=3))
        return run_update(
            self.market, self.store, self.time, faults, datasets=DATASETS, symbols=SYMBOLS, window=window
        )

    def own(self, dataset: str) -> list[tuple]:
        return [row for symbol in SYMBOLS for row in truth(self.market, dataset, symbol, START, NOW)]

    def rows(self, dataset: str) -> list[tuple]:
        return stored(self.store, dataset, SYMBOLS, START, NOW)

    def check_true(self) -> None:
        """All that was closed is stored, exactly."""
        for dataset in DATASETS:
            assert self.rows(dataset) == self.own(dataset)


@pytest.mark.parametrize("times", [1, None], ids=["once", "from then on"])
@pytest.mark.parametrize("kind", [FaultKind.RESET, FaultKind.BROKEN, FaultKind.EMPTY])
def test_update_nth_call_fails_store_old_or_new_and_repeat_is_whole(
    kind: FaultKind, times: int | None, tmp_path: Path
) -> None:
    Desk(tmp_path / "yesterday", NOW - timedelta(days=1)).update()
    ends = set()
    for nth in range(1, 50):
        desk = Desk(shutil.copytree(tmp_path / "yesterday", tmp_path / str(nth)))
        old = desk.store.current()
        assert old is not None
        update = desk.update(Fault("/", nth, kind, times=times))
        if not update.plan.fired:
            assert update.report is not None
            desk.check_true()
            break
        new = desk.store.current()
        assert new is not None
        assert (new.id, new.parent) in ((old.id, old.parent), ("000002", "000001"))
        assert desk.store.verify().ok
        if update.report is None:
            assert new == old
        elif times == 1:
            assert update.report.failed == {}
            desk.check_true()
        for dataset in DATASETS:
            assert set(desk.rows(dataset)) <= set(desk.own(dataset))
        ends.add("failed" if update.report is None else "in part" if update.report.failed else "whole")
        desk.update()
        desk.check_true()
    # The second update asks two pages less: its positioning is one page by symbol.
    assert nth == 2 + len(SYMBOLS) * len(DATASETS) + 1
    assert ends == ({"whole"} if times == 1 else {"failed", "in part"})
