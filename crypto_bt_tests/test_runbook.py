"""The runbook can be followed: its commands are taken from the page and run against each incident."""

import random
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crypto_bt.cli import app
from crypto_bt.defs.schedules import build_schedules
from crypto_bt.runtime.home import Home
from crypto_bt_tests.commands.invoking import ServedHome, served_home
from crypto_bt_tests.house.test_command_help import COMMANDS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "runbook.md"
INCIDENTS = (
    "1. Process dead",
    "2. Data stale",
    "3. Store corrupt",
    "4. CPU spike or hang",
    "5. Three crashes in 24 h",
)
#: What serves until it is stopped is run by a test of its own.
SERVES = {"up"}
NOW = datetime(2026, 11, 18, 12, 7, tzinfo=UTC)
TODAY = datetime(2026, 11, 18, tzinfo=UTC)
ASSETS = ["candles_1h", "candles_4h", "candles_1d", "funding_rates", "mark_price_1h", "universe"]


def sections() -> dict[str, str]:
    """The page's parts by their heading."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def commands_of(section: str) -> list[list[str]]:
    """The commands that a part tells to run, in order, without the leading ``crypto-bt``."""
    blocks = re.findall(r"```sh\n(.*?)```", sections()[section], flags=re.DOTALL)
    lines = [line.split() for block in blocks for line in block.splitlines() if line]
    assert all(words[0] == "crypto-bt" for words in lines), lines
    return [words[1:] for words in lines]


def follow(home: ServedHome, section: str) -> dict[str, int]:
    """Run a part's commands as a person does who answers yes; exit codes by command."""
    codes = {}
    for words in commands_of(section):
        if words[0] in SERVES:
            continue
        result = CliRunner().invoke(app, words, input="y\n", env={"CRYPTO_BT_HOME": str(home.root)})
        codes[" ".join(words)] = result.exit_code
        assert result.exit_code in (0, 3), f"{words}: {result.output}\n{result.exception!r}"
    return codes


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHome]:
    root = tmp_path_factory.mktemp("home")
    with served_home(root, ["BTCUSDT"], NOW, QUALITY_LOOKBACK_DAYS="2") as home:
        home.fill(TODAY - timedelta(days=9), TODAY + timedelta(days=1), ASSETS)
        yield home


@pytest.fixture
def home(filled: ServedHome, tmp_path: Path) -> ServedHome:
    shutil.copytree(filled.root, tmp_path / "home")
    Home(tmp_path / "home").prepare("", {"CRYPTO_BT_HOME": str(tmp_path / "home")})
    return ServedHome(tmp_path / "home", filled.exchange, filled.now)


def stores_well(home: ServedHome) -> bool:
    found = {item["about"]: item["well"] for item in home.call_json("doctor", code=3)["findings"]}
    return bool(found["stores"] and found["reading"])


def test_page_has_every_incident_with_every_part() -> None:
    found = sections()
    for incident in INCIDENTS:
        for part in ("Symptom", "Automatic reaction", "What a person does", "Expected time"):
            assert f"**{part}.**" in found[incident], f"{incident} lacks {part}"
        assert commands_of(incident)
    assert {"Quick table", "Daily checklist", "After an incident"} <= set(found)


def test_every_command_on_the_page_exists_with_its_options() -> None:
    named = re.findall(r"crypto-bt ((?:[a-z-]+ ?)+)((?: ?--[a-z-]+)*)", PAGE.read_text())
    for words, options in named:
        parts = words.split()
        name = next((" ".join(parts[:n]) for n in (2, 1) if " ".join(parts[:n]) in COMMANDS), None)
        assert name, f"the page names crypto-bt {words}, which is no command"
        known = {option for param in COMMANDS[name].params for option in param.opts}
        assert set(options.split()) <= known | {"--home"}, f"crypto-bt {words}{options}"


def test_every_schedule_is_on_the_page() -> None:
    for schedule in build_schedules(running=True):
        assert f"`{schedule.name}`" in sections()["The schedules"], schedule.name


def test_daily_checklist_can_be_followed(home: ServedHome) -> None:
    assert set(follow(home, "Daily checklist")) == {"status", "doctor"}


def test_process_dead(home: ServedHome) -> None:
    assert follow(home, INCIDENTS[0])["status"] in (0, 3)
    assert stores_well(home)


def test_data_stale(home: ServedHome) -> None:
    """Two days of the store are gone; afterwards they are back."""
    before = home.times("BTCUSDT")
    shutil.rmtree(home.root / "store")
    home.fill(TODAY - timedelta(days=9), TODAY - timedelta(days=1), ASSETS)
    assert home.times("BTCUSDT") != before, "nothing was missing: the test proves nothing"
    follow(home, INCIDENTS[1])
    assert home.times("BTCUSDT") == before
    frames = home.call_json("status", code=3)["timeframes"]
    assert all(item["well"] for item in frames.values()), frames


def test_store_corrupt(home: ServedHome) -> None:
    before = home.desk.store.read("candles_1h")
    home.call("backup", "create")
    chance = random.Random(7)
    objects = sorted((home.root / "store" / "objects").iterdir())
    for victim in [*chance.sample(objects, 3), home.root / "store" / "CURRENT"]:
        data = bytearray(victim.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        victim.write_bytes(data)
    assert not stores_well(home), "the damage was not seen: the test proves nothing"
    codes = follow(home, INCIDENTS[2])
    assert codes["data verify"] == 0
    assert stores_well(home)
    assert home.desk.store.read("candles_1h").equals(before)


def test_cpu_spike(home: ServedHome) -> None:
    assert "strategy list" in follow(home, INCIDENTS[3])
    assert stores_well(home)


def test_three_crashes(home: ServedHome) -> None:
    """The page is followed up to the trial of a strategy, on the state of two days ago."""
    desk = home.desk
    current = desk.store.current()
    assert current is not None
    frames = {name: desk.store.read(name) for name in sorted({item.dataset for item in current.objects})}
    shutil.rmtree(home.root / "store")
    when = NOW - timedelta(days=3)
    desk.store.publish(frames, source=current.source, published_by="test", now=when)
    codes = follow(home, INCIDENTS[4])
    assert codes["rollback --hours 48"] == 0
    assert (home.root / "holds.json").exists()
    assert stores_well(home)
