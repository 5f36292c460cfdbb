"""kill -9 at random points between an event and its delivery: what is lost, what comes twice."""

import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from crypto_bt.alerts import AlertOffice, open_alerts
from crypto_bt.core.alert_routing import Policy
from crypto_bt.core.alert_wiring import Wiring
from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.simulator.telegram import LoopbackTelegram, running
from crypto_bt_tests.alerts.samples import CHAT, TOKEN

ROOT = Path(__file__).resolve().parents[2]
#: Alerts that one child reports before it is done.
ALERTS = 12
#: The latest moment of a kill, in seconds after the child's first word.
LATEST = 1.2


@dataclass
class Tally:
    """Kills, those that came before the child was done, alerts acknowledged, lost and sent twice."""

    kills: int = 0
    in_mid_work: int = 0
    acknowledged: int = 0
    lost: int = 0
    twice: int = 0
    twice_without_cause: int = 0
    stores_that_do_not_open: int = 0
    failures: list[str] = field(default_factory=list)
    figures: Counter[str] = field(default_factory=Counter)


def office(home: Path, url: str) -> AlertOffice:
    """An office on the wall clock, whose urgent messages need not wait for each other."""
    policy = Policy(urgent_every=Policy().urgent_every * 0)
    wiring = Wiring(token=SecretStr(TOKEN), chat=CHAT, api_url=url, policy=policy)
    return open_alerts(home, wiring, lambda: datetime.now(UTC))


def child(home: Path, url: str, name: str) -> None:
    """Report and deliver, a CRITICAL alert after the other; say each on stdout once it is acknowledged."""
    desk = office(home, url)
    for number in range(ALERTS):
        where = f"{name}-{number}"
        now = datetime.now(UTC)
        desk.send(Alert("stalled", AlertSeverity.CRITICAL, "It stands.", where, "", "", now, ""))
        sys.stdout.write(where + "\n")
        sys.stdout.flush()
        desk.deliver()


def run_round(home: Path, kills: int, seed: str, tally: Tally) -> None:
    """``kills`` children in turn on one home, each killed at a random point; then what waits is delivered."""
    chance = random.Random(seed)
    # Telegram's own limit of messages a minute would only slow the campaign down.
    server = LoopbackTelegram(TOKEN, time.monotonic, chat_limit=10**6)
    acknowledged: list[str] = []
    interrupted: set[str] = set()
    with running(server) as telegram:
        for number in range(kills):
            moment = chance.uniform(0, LATEST)
            acknowledged += kill_one(home, telegram.url, f"{number}", moment, tally)
            interrupted |= end_leases(home, telegram.url, tally)
        deliver_the_rest(home, telegram.url)
        told = Counter(
            where for sent in telegram.sent for where in set(re.findall(r"(?<!\S)\d+-\d+(?!\S)", sent.text))
        )
    tally.acknowledged += len(acknowledged)
    lost = [where for where in acknowledged if not told[where]]
    twice = {where for where, count in told.items() if count > 1}
    tally.lost += len(lost)
    tally.twice += len(twice)
    tally.twice_without_cause += len(twice - interrupted)
    tally.figures["messages under way when killed"] += len(interrupted)
    if lost or twice - interrupted:
        tally.failures.append(f"seed {seed}: lost {lost[:5]}, twice {sorted(twice - interrupted)[:5]}")


def kill_one(home: Path, url: str, name: str, moment: float, tally: Tally) -> list[str]:
    """Start a child, kill it ``moment`` seconds after its first word; what it had acknowledged."""
    command = [sys.executable, "-m", "crypto_bt_tests.alerts.kill_campaign", str(home), url, name]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(moment)
        tally.kills += 1
        tally.in_mid_work += process.poll() is None
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
    return [line for line in (first + rest).split("\n")[:-1] if line]


def end_leases(home: Path, url: str, tally: Tally) -> set[str]:
    """End, in place of waiting for 30 seconds, the leases of the dead; where their messages were about."""
    try:
        with office(home, url).outbox.database.writing() as db:
            rows = db.execute(
                "SELECT w.alert FROM messages m JOIN deliveries d ON d.message = m.number "
                "JOIN words w ON w.number = d.word WHERE m.state = 'leased' AND m.channel = 'telegram'"
            ).fetchall()
            db.execute("UPDATE messages SET leased_until = '' WHERE state = 'leased'")
            return {Alert.from_json(row["alert"]).where for row in rows}
    except CryptoBtError as error:
        tally.stores_that_do_not_open += 1
        tally.failures.append(str(error))
        return set()


def deliver_the_rest(home: Path, url: str) -> None:
    """What the next process does, once the leases of the dead have ended."""
    desk = office(home, url)
    for _ in range(100):
        desk.deliver()
        if not desk.history.queued():
            return
        time.sleep(0.1)
    raise AssertionError("what waits is not delivered")


if __name__ == "__main__":
    child(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
