"""From a check failing in the web UI to the message in Telegram: python benchmarks/soak_alert_path.py

Everything is real but the exchange and Telegram, which are loopback ones: ``crypto-bt up`` with daemon and
web server, a check executed through GraphQL, the sensors, the outbox. Then the daemon is killed: the
supervisor has to tell it. At last the bot's token, a canary, is looked for in all that Dagster answers, in
every file of the home and in all that was printed. Writes docs/evidence/alert_path.json. Exits with 1 if a
message took 90 s or the canary was found.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.soak_alerts import commit  # noqa: E402
from crypto_bt.simulator.telegram import LoopbackTelegram  # noqa: E402
from crypto_bt.store import write_atomically  # noqa: E402
from crypto_bt_tests.alert_path import (  # noqa: E402
    evaluated,
    home_with_a_hole,
    run_check,
    sensors,
    until,
)
from crypto_bt_tests.alerts.samples import TOKEN  # noqa: E402
from crypto_bt_tests.service import free_port  # noqa: E402
from crypto_bt_tests.test_dev import ask  # noqa: E402

EVIDENCE = ROOT / "docs" / "evidence" / "alert_path.json"
LIMIT_SECONDS = 90
SECRET = TOKEN.partition(":")[2]
REST = """query { runsOrError { ... on Runs { results { runId tags { key value } runConfigYaml
  eventConnection { events { __typename ... on MessageEvent { message } } } } } }
  instance { info daemonHealth { allDaemonStatuses { daemonType lastHeartbeatErrors { message stack } } } }
  workspaceOrError { ... on Workspace { locationEntries { displayMetadata { key value } locationOrLoadError {
  __typename ... on PythonError { message stack } } } } } }"""


def main() -> None:
    """Measure, look for the canary, write the evidence."""
    with home_with_a_hole() as (home, telegram):
        measured = path_of(home, telegram)
        found = [
            str(path.relative_to(home))
            for path in home.rglob("*")
            if path.is_file() and SECRET.encode() in path.read_bytes()
        ]
    quick = max(measured["seconds"], measured["seconds_from_the_daemons_death"]) < LIMIT_SECONDS
    held = quick and found == [".env"] and not measured["canary_in"]
    evidence = {
        "campaign": "alert_path", "commit": commit(), "held": held, **measured, "files_with_canary": found,
    }  # fmt: skip
    write_atomically(EVIDENCE, f"{json.dumps(evidence, indent=1)}\n".encode())
    print(json.dumps(evidence))  # noqa: T201
    sys.exit(0 if held else 1)


def path_of(home: Path, telegram: LoopbackTelegram) -> dict[str, Any]:
    """Seconds from check and death to the message, and where the canary was."""
    port = free_port()
    command = [sys.executable, "-m", "crypto_bt", "up", "--home", str(home), "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            # Until every sensor has ticked: only then does a tick wait for its own interval.
            until(lambda: all(each["sensorState"]["ticks"] for each in sensors(port)), 240)
            asked = time.time()
            run = run_check(port)
            until(lambda: evaluated(port) is not None)
            from_check = float(evaluated(port) or 0)
            until(lambda: telegram.sent)
            told = time.time()
            text = telegram.sent[0].text
            daemon = json.loads((home / "supervisor.json").read_text())["parts"]["daemon"]["pid"]
            os.kill(daemon, signal.SIGKILL)
            killed = time.time()
            until(lambda: any("daemon ended with code -9" in sent.text for sent in telegram.sent))
            told_death = time.time()
            answers = json.dumps([sensors(port), ask(port, REST, {})])
        finally:
            process.send_signal(signal.SIGINT)
            printed = process.communicate(timeout=120)[0]
    assert "coverage" in text
    assert "alert_outbox" in answers
    assert run in answers
    messages = "\n".join(sent.text for sent in telegram.sent)
    places = {"GraphQL answers": answers, "what was printed": printed, "messages": messages}
    return {
        "seconds": round(told - from_check, 1),
        "seconds_from_the_request": round(told - asked, 1),
        "seconds_from_the_daemons_death": round(told_death - killed, 1),
        "limit_seconds": LIMIT_SECONDS,
        "message": text.replace(str(home), "HOME").splitlines(),
        "bytes_searched": len(answers) + len(printed) + len(messages),
        "canary_in": [place for place, said in places.items() if SECRET in said],
    }


if __name__ == "__main__":
    main()
