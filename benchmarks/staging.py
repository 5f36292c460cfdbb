"""Before going live: everything for real, with planned faults, and a report: make staging HOURS=24

``crypto-bt up`` runs on a home of its own with a simulated market and a Telegram on loopback; its schedules
and sensors do their work by the clock. Every job runs once at the beginning; then processes are killed, at
times spread over the hours. HOURS=0 does it all without waiting, each fault once. Writes report.md and
report.json into the home; exits with 1 where anything was not as promised.
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from crypto_bt.core.promises import BACK_WITHIN  # noqa: E402
from crypto_bt.defs.partitions import symbol_range_tags  # noqa: E402
from crypto_bt.runtime.home import Home  # noqa: E402
from crypto_bt.settings import load_settings  # noqa: E402
from crypto_bt.simulator.telegram import LoopbackTelegram, running  # noqa: E402
from crypto_bt_tests.alerts.samples import CHAT, TOKEN  # noqa: E402
from crypto_bt_tests.command_line import run, start  # noqa: E402
from crypto_bt_tests.service import Service, free_port  # noqa: E402
from crypto_bt_tests.service_faults import SERVICE_FAULTS, Desk  # noqa: E402

VALIDATION: Final = "data_validation"
#: As long a history as the gates of every strategy need.
DAYS: Final = 180
#: Days come by the schedules, and a night with each fault.
JOBS: Final = (
    VALIDATION,
    "backup",
    "restore_drill",
    "alert_digest",
    "backup_and_compact",
    "prune_history",
)
#: Each part is restarted four times in 24 h at most, and then given up: three faults of a kind a day.
MOST_OF_A_KIND: Final = 3
#: A fault is told, and what it broke is well again, within so long after it.
SETTLED: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault, so many seconds after the beginning."""

    after: float
    fault: str


@dataclass
class Report:
    """What was done and found; ``broken``: what was not as promised, each in a sentence."""

    began: datetime
    hours: float
    seed: int
    jobs: dict[str, float] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    promises: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    messages: int = 0
    broken: list[str] = field(default_factory=list)


def planned(hours: float, seed: int) -> list[Planned]:
    """Every kind of fault equally often, in a random order, spread over the hours."""
    rounds = max(1, min(MOST_OF_A_KIND, int(hours // 8)))
    names = [name for name in SERVICE_FAULTS for _ in range(rounds)]
    random.Random(seed).shuffle(names)
    step = hours * 3600 / (len(names) + 1)
    return [Planned(step * (number + 1), name) for number, name in enumerate(names)]


def main() -> None:
    """Run it, write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--symbols", type=int, default=5)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--home", type=Path, default=ROOT / "data" / "staging")
    options = parser.parse_args()
    home = options.home.resolve()
    say(f"Fetching {DAYS} days of {options.symbols} symbols of a simulated market into {home} ...")
    run("demo", "--symbols", str(options.symbols), "--days", str(DAYS), "--home", str(home))
    report = Report(datetime.now(UTC), options.hours, options.seed)
    with running(LoopbackTelegram(TOKEN, time.monotonic)) as telegram:
        values = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": CHAT, "TELEGRAM_API_URL": telegram.url}
        Home(home).prepare("", values)
        with Service(home, free_port()) as service:
            say(f"crypto-bt up works after {service.start():.0f} s: http://127.0.0.1:{service.port}")
            _jobs(service, report)
            _faults(Desk(service, _day(home), random.Random(options.seed)), report)
            _measure(home, service, report)
        report.messages = len(telegram.sent)
    (home / "report.json").write_text(json.dumps(asdict(report), indent=1, default=str) + "\n")
    (home / "report.md").write_text(as_markdown(report))
    say(f"{'NO-GO' if report.broken else 'GO'}. The report: {home / 'report.md'}")
    sys.exit(1 if report.broken else 0)


def _jobs(service: Service, report: Report) -> None:
    tags = symbol_range_tags(load_settings(service.root).SYMBOLS)
    for job in JOBS:
        began = time.monotonic()
        try:
            run_id = service.launch(job, tags if job == VALIDATION else None)
            service.wait_until(lambda run_id=run_id: service.status(run_id) == "SUCCESS", 300.0)
        except AssertionError as error:
            report.broken.append(f"{job}: {error}")
        report.jobs[job] = round(time.monotonic() - began, 1)
        say(f"{job}: {report.jobs[job]} s")


def _faults(desk: Desk, report: Report) -> None:
    began = time.monotonic()
    for plan in planned(report.hours, report.seed):
        time.sleep(max(0.0, began + plan.after - time.monotonic()) if report.hours else 0.0)
        at = datetime.now(UTC)
        found: dict[str, Any] = {"fault": plan.fault, "at": at}
        try:
            found |= asdict(SERVICE_FAULTS[plan.fault](desk))
            found = {
                key: round(value, 2) if isinstance(value, float) else value for key, value in found.items()
            }
            report.broken += _wrong_with(found)
        except AssertionError as error:
            report.broken.append(f"{plan.fault} at {at:%m-%d %H:%M}: {error}")
        report.faults.append({**found, "over": datetime.now(UTC)})
        say(f"{plan.fault}: {found.get('recovery', 'not recovered')} s")


def _wrong_with(found: dict[str, Any]) -> list[str]:
    wrong = []
    if found["recovery"] > BACK_WITHIN:
        wrong.append(f"{found['fault']}: back after {found['recovery']} s, promised {BACK_WITHIN:.0f} s")
    if found["orphans"] or found["published"]:
        wrong.append(
            f"{found['fault']}: {found['orphans']} orphans, {found['published']} results of a dead run"
        )
    return wrong


def _measure(home: Path, service: Service, report: Report) -> None:
    told = _json("slo", "--days", "1", "--home", str(home))
    report.promises = told["promises"]
    # What was killed on purpose is no measure of uptime; each kill has been held against its own promise.
    by_fault = {"uptime", "recovery", "false_alerts"}
    report.broken += [
        f"{each['what']}: {each['seen']}, promised {each['promised']}"
        for each in report.promises
        if each["kept"] is False and each["name"] not in by_fault
    ]
    report.alerts = _json("alerts", "list", "--days", "2", "--home", str(home))["told"]
    report.broken += unexpected(report.alerts, report.faults)
    if service.most_nights > 1:
        report.broken.append(f"{service.most_nights} nights at one time")
    report.broken += [f"run {run_id} is unfinished, and nobody executes it" for run_id in service.undead()]


def unexpected(alerts: Sequence[dict[str, Any]], faults: Sequence[dict[str, Any]]) -> list[str]:
    """Alerts that were raised while no fault was under way or had just been: false ones."""
    spans = [(each["at"], each["over"] + SETTLED) for each in faults]
    return [
        f"an alert without a fault: {each['cause']}, {each['where']}: {each['what']}"
        for each in alerts
        if each["kind"] == "raised" and each["severity"] != "info"
        if not any(since <= datetime.fromisoformat(each["at"]) <= till for since, till in spans)
    ]


def as_markdown(report: Report) -> str:
    """The report for a person: the answer first."""
    lines = [f"# Staging: {'NO-GO' if report.broken else 'GO'}", ""]
    lines += [f"- {each}" for each in report.broken] or ["Everything was as promised."]
    lines += ["", f"Began {report.began:%Y-%m-%d %H:%M} UTC, {report.hours:g} h, seed {report.seed}.", ""]
    lines += ["## Faults", "", "| fault | at | noticed after s | back after s |", "|---|---|---|---|"]
    lines += [
        f"| {each['fault']} | {each['at']:%m-%d %H:%M} | {each.get('detection', '-')} "
        f"| {each.get('recovery', 'not')} |"
        for each in report.faults
    ]
    lines += ["", "## Jobs", "", "| job | seconds |", "|---|---|"]
    lines += [f"| {job} | {seconds} |" for job, seconds in report.jobs.items()]
    lines += ["", "## Promises", "", "| what | is | promised |", "|---|---|---|"]
    lines += [f"| {each['what']} | {each['seen']} | {each['promised']} |" for each in report.promises]
    raised = [each for each in report.alerts if each["kind"] == "raised"]
    lines += ["", f"{len(raised)} alerts were raised, and {report.messages} messages sent.", ""]
    return "\n".join(lines)


def say(text: str) -> None:
    """To the person who waits."""
    sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
    sys.stdout.flush()


def _json(*arguments: str) -> Any:
    """What a command prints, whatever it thinks of it."""
    with start(*arguments, "--json") as process:
        out, errors = process.communicate(timeout=300)
    assert process.returncode in (0, 3), errors
    return json.loads(out)


def _day(home: Path) -> str:
    """A night that no sensor computes by itself: the one before the last."""
    last = max(path.stem for path in (home / "results" / "nights").glob("*.json"))
    return str(date.fromisoformat(last) - timedelta(days=1))


if __name__ == "__main__":
    main()
