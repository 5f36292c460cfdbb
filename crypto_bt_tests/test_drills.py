"""A sample of the restore drills on a small home; soak_drills.py runs all on a year of 60 symbols."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crypto_bt_tests import drills
from crypto_bt_tests.drills import DRILLS, DrillDesk, prepared, run_drill

NOW = datetime(2026, 11, 18, 12, 7, tzinfo=UTC)
SAMPLE = (
    drills.all_lists_bad,
    drills.offsite_alone,
    drills.object_flipped_in_no_backup,
    drills.rolled_back_and_forward,
)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DrillDesk]:
    with prepared(tmp_path_factory.mktemp("desk"), ("BTCUSDT",), NOW, days=10) as made:
        yield made


def test_there_are_as_many_drills_as_promised() -> None:
    assert len(set(DRILLS)) >= 20


@pytest.mark.parametrize("drill", SAMPLE, ids=lambda drill: drill.__name__)
def test_drill_ends_right(desk: DrillDesk, tmp_path: Path, drill: drills.Drill) -> None:
    assert run_drill(desk, tmp_path, drill) > 0
