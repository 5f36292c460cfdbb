"""From a check that a person runs in the web UI to the message in Telegram: what test and campaign share."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from crypto_bt.core.market import Timeframe
from crypto_bt.defs.execute import run_job
from crypto_bt.defs.partitions import range_tags
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import Home
from crypto_bt.settings import load_settings, render_example
from crypto_bt.simulator.serving import running as exchange_running
from crypto_bt.simulator.synthetic import SyntheticMarket
from crypto_bt.simulator.telegram import LoopbackTelegram, running
from crypto_bt_tests.alerts.samples import CHAT, TOKEN
from crypto_bt_tests.test_dev import SELECTOR, ask

LAUNCH = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
CHECKS = """query($k: AssetKeyInput!) { assetCheckExecutions(assetKey: $k, checkName: "coverage", limit: 1) {
  status timestamp evaluation { timestamp success } } }"""
SENSORS = """query($s: RepositorySelector!) { sensorsOrError(repositorySelector: $s) { ... on Sensors {
  results { name description metadata { __typename } sensorState { status ticks { status skipReason cursor
  error { message stack causes { message stack } } } } } } } }"""


@contextmanager
def home_with_a_hole() -> Iterator[tuple[Path, LoopbackTelegram]]:
    """A home at work on a loopback exchange and Telegram; days are missing, so that ``coverage`` fails.

    The bot's token is a canary.
    """
    clock = lambda: datetime.now(UTC)  # noqa: E731
    with (
        tempfile.TemporaryDirectory() as folder,
        running(LoopbackTelegram(TOKEN, time.monotonic)) as telegram,
        exchange_running(SyntheticMarket(7, ("BTCUSDT",), clock=clock), weight_limit=100_000) as exchange,
    ):
        home = Path(folder) / "home"
        values = {"EXCHANGE_URL": exchange.url, "SYMBOLS": "BTCUSDT", "TELEGRAM_BOT_TOKEN": TOKEN}
        values |= {"TELEGRAM_CHAT_ID": CHAT, "TELEGRAM_API_URL": telegram.url}
        values |= {"CRYPTO_BT_HOME": str(home), "DAGSTER_HOME": str(home / "dagster")}
        Home(home).prepare(render_example(), values)
        midnight = Timeframe.D1.floor(clock())
        for start, end in ((-6, -5), (-1, 1)):
            days = range_tags(midnight + timedelta(days=start), midnight + timedelta(days=end))
            assert run_job("data_update", Desk.open(load_settings(home)), tags=days).success
        yield home, telegram


def sensors(port: int) -> list[dict[str, Any]]:
    """All sensors with their ticks; a server that does not answer raises OSError."""
    return list(ask(port, SENSORS, {"s": SELECTOR})["sensorsOrError"]["results"])


def run_check(port: int) -> str:
    """Execute the check ``coverage`` as the web UI's button does; the run's id."""
    params = {
        "selector": {
            **SELECTOR, "jobName": "data_validation", "assetSelection": [],
            "assetCheckSelection": [{"assetKey": {"path": ["candles_1h"]}, "name": "coverage"}],
        },
        "runConfigData": {},
    }  # fmt: skip
    launched = ask(port, LAUNCH, {"p": params})["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    return str(launched["run"]["runId"])


def evaluated(port: int) -> float | None:
    """When the check was evaluated, in seconds since 1970; None before."""
    found = ask(port, CHECKS, {"k": {"path": ["candles_1h"]}})["assetCheckExecutions"]
    return found[0]["evaluation"]["timestamp"] if found and found[0]["evaluation"] else None


def until(done: Callable[[], object], seconds: float = 180) -> None:
    """Wait until ``done()``; a server that does not answer yet, or a process that went, is waited for."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if done():
                return
        except (OSError, ValueError, KeyError, TypeError):
            pass
        assert time.monotonic() < deadline, f"nothing within {seconds} s"
        time.sleep(0.5)
