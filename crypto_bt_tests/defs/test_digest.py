"""The digest: one screen, once a day."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from crypto_bt.defs.execute import run_job
from crypto_bt_tests.alerts.samples import alert
from crypto_bt_tests.defs.alert_watch import AlertWatch, alert_watch
from crypto_bt_tests.report import nights, published

SYMBOLS = ("BTCUSDT", "ETHUSDT")
EVENING = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two days of two symbols."""
    root = tmp_path_factory.mktemp("loaded") / "home"
    with alert_watch(root, SYMBOLS, EVENING) as watch:
        assert watch.home.update(days=2).success
    return root


@pytest.fixture
def watch(loaded: Path, tmp_path: Path) -> Iterator[AlertWatch]:
    """A copy of it, for one test to spoil."""
    shutil.copytree(loaded, tmp_path / "home")
    with alert_watch(tmp_path / "home", SYMBOLS, EVENING) as made:
        yield made


def publish_night(watch: AlertWatch, folder: Path, night: date, **returns: float) -> None:
    """A night with these net returns by strategy."""
    folder.mkdir()
    made = nights.metrics({name: {"ALL": figure, "BTCUSDT": figure} for name, figure in returns.items()})
    first = next(iter(returns))
    frames = published.tables() | {
        "equity": nights.equity(*returns),
        "metrics": made,
        "parameter_sets": nights.parameter_sets(first),
        "signals": nights.signals(first, BTCUSDT=1.0),
        "targets": nights.signals(first, BTCUSDT=1.0),
        "trades": nights.trades(first, "BTCUSDT"),
        "windows": nights.windows(first),
    }
    for name, frame in frames.items():
        frame.write_parquet(folder / f"{name}.parquet")
    entries = [nights.entry(name) for name in returns if name != "hold"]
    stamp = nights.stamp(*entries, nights.benchmark("hold"), night=f"{night}")
    (folder / "stamp.json").write_text(json.dumps(stamp))
    watch.home.desk.results.publish(night, folder, now=watch.clock.now)


def test_digest_is_one_screen_with_a_picture_once_a_day(watch: AlertWatch, tmp_path: Path) -> None:
    publish_night(watch, tmp_path / "one", date(2026, 3, 9), ema=0.02, hold=0.01)
    publish_night(watch, tmp_path / "two", date(2026, 3, 10), ema=0.05, hold=0.01)
    watch.home.desk.alerts.send(alert("listing", "universe"))
    watch.clock.now = datetime(2026, 3, 11, 4, tzinfo=UTC)
    for _ in range(2):
        outcome = run_job("alert_digest", watch.home.desk)
        assert outcome.success, outcome.why
    watch.tick("alert_outbox")
    digest, picture = (sent for sent in watch.telegram.sent if sent.silent)
    assert 10 < len(digest.text.splitlines()) < 40
    for expected in (
        "Not all is well, 2026-03-11 04:00 UTC",
        "1h: 5.0 h old, ",
        "Night of 2026-03-10",
        "ema +5.0% (+3.0 pp)",
        "listing 1",
        "Stands since 03-10 23:30: listing, universe",
        "GB free",
    ):
        assert expected in digest.text
    assert (picture.picture or b"").startswith(b"\x89PNG")
