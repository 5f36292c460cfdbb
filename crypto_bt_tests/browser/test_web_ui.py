"""The web UI of a demo home in a browser: graph, curves, checks, the Launchpad, toggles."""

import signal
from datetime import UTC, datetime

import polars as pl

from crypto_bt.defs.resources import Desk
from crypto_bt.settings import load_settings
from crypto_bt_tests.browser.conftest import Demo
from crypto_bt_tests.browser.web_ui import GROUPS, WebUI
from crypto_bt_tests.service import Service


def hours_stored(demo: Demo) -> dict[str, int]:
    """How many H1 candles of the missing day are stored, by symbol."""
    store = Desk.open(load_settings(demo.root)).store
    day = datetime(demo.missing.year, demo.missing.month, demo.missing.day, tzinfo=UTC)
    frame = store.read("candles_1h").filter(pl.col("open_time").dt.truncate("1d") == day)
    return dict(frame.group_by("symbol").len().iter_rows())


def test_graph_of_assets_shows_every_group(ui: WebUI) -> None:
    ui.lineage(*GROUPS)
    assert "Could not" not in ui.text()


def test_figures_of_materializations_are_a_curve(ui: WebUI) -> None:
    assert ui.curve("candles_1h", "rows") > 50


def test_failing_check_shows_its_message_and_the_command_that_mends_it(ui: WebUI, demo: Demo) -> None:
    message = "0 of 2 symbols are whole in 1h (0.0%, must be above 95%)."
    repair = f"crypto-bt data repair --home {demo.root} --symbols BTCUSDT,ETHUSDT --timeframes 1h"
    shown = ui.check("candles_1h", "coverage", message, f"{repair} --start {demo.missing:%Y-%m-%d}")
    assert "Evaluation result Failed" in shown


def test_repair_of_one_day_of_one_symbol_from_the_launchpad_succeeds(ui: WebUI, demo: Demo) -> None:
    before = hours_stored(demo)
    config = {"ops": {"market_data": {"config": {"symbols": ["BTCUSDT"]}}}}
    run = ui.launch("data_update", demo.missing.isoformat(), config)
    assert ui.ended(run) == "Success"
    assert before == {}
    assert hours_stored(demo) == {"BTCUSDT": 24}


def test_schedule_that_was_switched_off_stays_off_after_a_restart(ui: WebUI, service: Service) -> None:
    assert ui.schedule_is_on("data_validation")
    ui.toggle_schedule("data_validation")
    assert service.process is not None
    service.process.send_signal(signal.SIGTERM)
    service.process.communicate(timeout=90)
    service.start()
    assert not ui.schedule_is_on("data_validation")
    assert ui.schedule_is_on("data_update")
