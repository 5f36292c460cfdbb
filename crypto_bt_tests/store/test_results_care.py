"""What goes with a night that is too old."""

from datetime import date, timedelta
from pathlib import Path

from crypto_bt.store import ResultsStore
from crypto_bt.store.results_care import drop_nights
from crypto_bt_tests.report import published

OLD = published.NIGHT
NEW = OLD + timedelta(days=1)


def files_of(root: Path, night: date) -> list[Path]:
    """Pages and other files that are made of a night."""
    sheets = root / "reports" / f"{night}"
    sheets.mkdir(parents=True)
    made = [
        root / "reports" / f"{night}.html",
        sheets / "trend.html",
        root / "archive" / f"backtest_results_{night}.json",
        root / "priority" / f"{night}.json",
    ]
    for path in made:
        path.parent.mkdir(exist_ok=True)
        path.write_text("x" * 100)
    return made


def test_drop_nights_takes_their_pages_and_files_along_and_no_others(tmp_path: Path) -> None:
    home = published.home(tmp_path / "home")
    for night in (OLD, NEW):
        published.publish(home, tmp_path / "work", night)
    root = home / "results"
    old, new = files_of(root, OLD), files_of(root, NEW)
    other = root / "reports" / "style.css"
    other.write_text("a person's own file")
    nights, freed = drop_nights(root, [NEW])
    assert nights == 1
    assert freed >= 400
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in [*new, other])
    assert not (root / "reports" / f"{OLD}").exists()
    assert ResultsStore(root).nights() == [NEW]
    assert drop_nights(root, [NEW]) == (0, 0)
