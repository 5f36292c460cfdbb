"""From a check failing in the web UI to the message in Telegram: python benchmarks/soak_alert_path.py

Everything is real but the exchange and Telegram, which are loopback ones: ``crypto-bt dev`` with daemon and
web server, a check executed through GraphQL, the sensors, the outbox. Then the bot's token, a canary, is
looked for in all that Dagster answers, in every file of the home and in all that was printed. Writes
docs/evidence/alert_path.json. Exits with 1 if the message took 90 s or the canary was found.
"""

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.soak_alerts import commit  # noqa: E402
from crypto_bt.core.market import Timeframe  # noqa: E402
from crypto_bt.defs.execute import run_job  # noqa: E402
from crypto_bt.defs.partitions import range_tags  # noqa: E402
from crypto_bt.defs.resources import Desk  # noqa: E402
from crypto_bt.runtime.home import Home  # noqa: E402
from crypto_bt.settings import load_settings, render_example  # noqa: E402
from crypto_bt.simulator.serving import running as exchange_running  # noqa: E402
from crypto_bt.simulator.synthetic import SyntheticMarket  # noqa: E402
from crypto_bt.simulator.telegram import LoopbackTelegram, running  # noqa: E402
from crypto_bt.store import write_atomically  # noqa: E402
from crypto_bt_tests.alerts.samples import CHAT, TOKEN  # noqa: E402

EVIDENCE = ROOT / "docs" / "evidence" / "alert_path.json"
LIMIT_SECONDS = 90
SECRET = TOKEN.partition(":")[2]
WHERE = {"repositoryName": "__repository__", "repositoryLocationName": "crypto_bt"}
LAUNCH = """mutation($p: ExecutionParams!) { launchPipelineExecution(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
CHECKS = """query($k: AssetKeyInput!) { assetCheckExecutions(assetKey: $k, checkName: "coverage", limit: 1) {
  status timestamp evaluation { timestamp success } } }"""
SENSORS = """query($s: RepositorySelector!) { sensorsOrError(repositorySelector: $s) { ... on Sensors {
  results { name description metadata { __typename } sensorState { status ticks { status skipReason cursor
  error { message stack causes { message stack } } } } } } } }"""
REST = """query { runsOrError { ... on Runs { results { runId tags { key value } runConfigYaml
  eventConnection { events { __typename ... on MessageEvent { message } } } } } }
  instance { info daemonHealth { allDaemonStatuses { daemonType lastHeartbeatErrors { message stack } } } }
  workspaceOrError { ... on Workspace { locationEntries { displayMetadata { key value } locationOrLoadError {
  __typename ... on PythonError { message stack } } } } } }"""


def main() -> None:
    """Measure, look for the canary, write the evidence."""
    clock = lambda: datetime.now(UTC)  # noqa: E731
    with (
        tempfile.TemporaryDirectory() as folder,
        running(LoopbackTelegram(TOKEN, time.monotonic)) as telegram,
        exchange_running(SyntheticMarket(7, ("BTCUSDT",), clock=clock), weight_limit=100_000) as exchange,
    ):
        home = Path(folder) / "home"
        values = {"EXCHANGE_URL": exchange.url, "SYMBOLS": "BTCUSDT", "TELEGRAM_BOT_TOKEN": TOKEN}
        values |= {"TELEGRAM_CHAT_ID": CHAT, "TELEGRAM_API_URL": telegram.url}
        Home(home).prepare(
            render_example(), {"CRYPTO_BT_HOME": str(home), "DAGSTER_HOME": str(home / "dagster"), **values}
        )
        # The days between are missing: the check on coverage has to fail.
        midnight = Timeframe.D1.floor(clock())
        for start, end in ((-6, -5), (-1, 1)):
            days = range_tags(midnight + timedelta(days=start), midnight + timedelta(days=end))
            assert run_job("data_update", Desk.open(load_settings(home)), tags=days).success
        measured = path_of(home, telegram)
        found = [
            str(path.relative_to(home))
            for path in home.rglob("*")
            if path.is_file() and SECRET.encode() in path.read_bytes()
        ]
    held = measured["seconds"] < LIMIT_SECONDS and found == [".env"] and not measured["canary_in"]
    evidence = {
        "campaign": "alert_path", "commit": commit(), "held": held, **measured, "files_with_canary": found,
    }  # fmt: skip
    write_atomically(EVIDENCE, f"{json.dumps(evidence, indent=1)}\n".encode())
    print(json.dumps(evidence))  # noqa: T201
    sys.exit(0 if held else 1)


def path_of(home: Path, telegram: LoopbackTelegram) -> dict[str, Any]:
    """Seconds from the check's evaluation to the message, and where the canary was found."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "crypto_bt", "dev", "--home", str(home), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            until(lambda: ask(port, SENSORS, s=WHERE)["sensorsOrError"]["results"], 180)
            # Until every sensor has ticked: only then does a tick wait for its own interval.
            until(lambda: all(s["sensorState"]["ticks"] for s in _sensors(port)), 180)
            asked = time.time()
            params = {
                "selector": {
                    **WHERE, "jobName": "data_validation", "assetSelection": [],
                    "assetCheckSelection": [{"assetKey": {"path": ["candles_1h"]}, "name": "coverage"}],
                },
                "runConfigData": {},
            }  # fmt: skip
            launched = ask(port, LAUNCH, p=params)["launchPipelineExecution"]
            assert launched["__typename"] == "LaunchRunSuccess", launched
            until(lambda: _evaluated(port) is not None, 180)
            evaluated = float(_evaluated(port) or 0)
            until(lambda: telegram.sent, 180)
            arrived = time.time()
            answers = json.dumps([_sensors(port), ask(port, REST)])
            text = telegram.sent[0].text
        finally:
            process.send_signal(signal.SIGINT)
            printed = process.communicate(timeout=60)[0]
    assert "coverage" in text
    assert len(telegram.sent) == 1
    assert "alert_outbox" in answers
    assert launched["run"]["runId"] in answers
    places = {"GraphQL answers": answers, "what was printed": printed, "message": text}
    return {
        "seconds": round(arrived - evaluated, 1),
        "seconds_from_the_request": round(arrived - asked, 1),
        "limit_seconds": LIMIT_SECONDS,
        "message": text.replace(str(home), "HOME").splitlines(),
        "bytes_searched": len(answers) + len(printed),
        "canary_in": [place for place, said in places.items() if SECRET in said],
    }


def _sensors(port: int) -> list[dict[str, Any]]:
    return list(ask(port, SENSORS, s=WHERE)["sensorsOrError"]["results"])


def _evaluated(port: int) -> float | None:
    """When the check was evaluated."""
    found = ask(port, CHECKS, k={"path": ["candles_1h"]})["assetCheckExecutions"]
    return found[0]["evaluation"]["timestamp"] if found and found[0]["evaluation"] else None


def ask(port: int, query: str, **variables: Any) -> Any:
    """The data that the web server's GraphQL answers."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    url = f"http://127.0.0.1:{port}/graphql"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        told = json.load(answer)
    assert "errors" not in told, told
    return told["data"]


def until(done: Any, seconds: float) -> None:
    """Wait until ``done()``; a server that does not answer yet is waited for."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if done():
                return
        except (OSError, KeyError):
            pass
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing within {seconds} s")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
