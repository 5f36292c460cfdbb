"""Campaign: every way in which a process of the system can end or hang, with detection and recovery times.

Writes docs/evidence/supervision.json; each round injects every fault once, and a campaign that was stopped is
resumed after its last whole round if seed and commit are the same. Needs root (a fork bomb runs as nobody).
"""

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.evidence import Campaign  # noqa: E402
from crypto_bt_tests.command_line import run  # noqa: E402
from crypto_bt_tests.night_faults import NIGHT_FAULTS, SITE, Injected  # noqa: E402
from crypto_bt_tests.service import Service, free_port  # noqa: E402
from crypto_bt_tests.service_faults import SERVICE_FAULTS, Desk  # noqa: E402
from crypto_bt_tests.test_night import small_spec  # noqa: E402

AS_NOBODY: Final = frozenset({"fork bomb in a strategy"})
NOBODY: Final = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
DETECTED_WITHIN: Final = 120.0
#: Nobody watches a run worker but the sensor: a heartbeat stale at 120 s, written every 30 and looked at
#: every 60 s, with the time that ticks take.
SEEN_BY_THE_SENSOR_WITHIN: Final = 220.0
RECOVERED_WITHIN: Final = 300.0
#: The live trader and a person do not wait.
AT_ONCE: Final = 10.0


def main() -> None:
    """Run or resume the campaign."""
    campaign = Campaign("supervision", "times", default=20, about=__doc__.splitlines()[0])
    faults: dict[str, list[dict[str, Any]]] = {name: [] for name in (*NIGHT_FAULTS, *SERVICE_FAULTS)}
    if campaign.done:
        told = json.loads(campaign.path.read_text())["faults"]
        faults = {name: told.get(name, {}).get("injected", []) for name in faults}
    most_nights = 0
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        work.chmod(0o755)
        home = work / "home"
        if campaign.left:
            run("demo", "--symbols", "1", "--days", "3", "--home", str(home))
        while campaign.left:
            seed = f"{campaign.seed}/{campaign.done}"
            failures: list[str] = []
            with campaign.measuring():
                for name in NIGHT_FAULTS:
                    failures += _note(faults[name], name, partial(_in_a_night, work, name, seed))
                with Service(home, free_port()) as service:
                    service.start()
                    desk = Desk(service, _day(home), random.Random(seed))
                    for name, inject in SERVICE_FAULTS.items():
                        failures += _note(faults[name], name, partial(inject, desk))
                    most_nights = max(most_nights, service.most_nights)
            if most_nights > 1:
                failures.append(f"{most_nights} nights at one time")
            campaign.add(1, 0 if failures else 1, failures, {})
            campaign.write({"faults": {name: _summed_up(found) for name, found in faults.items()}})
    campaign.end()


def _note(found: list[dict[str, Any]], name: str, inject: Callable[[], Injected]) -> list[str]:
    """Inject it, keep what came of it; what is wrong with that."""
    began = time.monotonic()
    try:
        injected = inject()
    except AssertionError as error:
        return [f"{name}: {str(error)[:300]}"]
    found.append({key: round(value, 2) for key, value in asdict(injected).items()})
    sys.stdout.write(f"{name}: {found[-1]}, {time.monotonic() - began:.0f} s in all\n")
    sys.stdout.flush()
    limit = AT_ONCE if "trader" in name or "pause" in name else DETECTED_WITHIN
    limit = SEEN_BY_THE_SENSOR_WITHIN if name == "SIGSTOP of the run worker" else limit
    wrong = []
    if injected.detection > limit:
        wrong.append(f"{name}: detected after {injected.detection:.0f} s")
    if injected.recovery > RECOVERED_WITHIN:
        wrong.append(f"{name}: recovered after {injected.recovery:.0f} s")
    if injected.orphans or injected.published:
        wrong.append(f"{name}: {injected.orphans} orphans, {injected.published} results of a dead run")
    return wrong


def _in_a_night(work: Path, name: str, seed: str) -> Injected:
    """Of a night in a process of its own, which is another user's where only that bounds it."""
    folder = work / "night"
    folder.mkdir()
    try:
        (folder / "spec.json").write_text(small_spec(folder).to_json())
        command = [sys.executable]
        if name in AS_NOBODY:
            subprocess.run(["chown", "-R", "65534:65534", str(folder)], check=True)
            command = [*NOBODY, _python_for_nobody()]
        command += ["-m", "crypto_bt_tests.night_faults", str(folder / "spec.json"), str(folder), name, seed]
        path = f"{ROOT}{os.pathsep}{SITE}"
        environment = {**os.environ, "PYTHONPATH": path, "HOME": str(folder), "TMPDIR": str(folder)}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stderr[-300:]
        return Injected(**json.loads(done.stdout))
    finally:
        shutil.rmtree(folder)


def _python_for_nobody() -> str:
    """One that another user may execute: that of the environment may lie in a folder of ours."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, shutil.which(version, path="/usr/local/bin:/usr/bin")):
        command = [*NOBODY, "sh", "-c", f"exec {python} -c 0"]
        if python and not subprocess.run(command, check=False, capture_output=True).returncode:
            return python
    raise AssertionError(f"nobody may execute no {version}")


def _day(home: Path) -> str:
    """A night that no sensor computes by itself: the one before the last."""
    last = max(path.stem for path in (home / "results" / "nights").glob("*.json"))
    return str(date.fromisoformat(last) - timedelta(days=1))


def _summed_up(found: list[dict[str, Any]]) -> dict[str, Any]:
    def of(name: str) -> list[float]:
        return [each[name] for each in found] or [0.0]

    return {
        "n": len(found),
        "detection_p50": round(statistics.median(of("detection")), 2),
        "detection_max": max(of("detection")),
        "recovery_p50": round(statistics.median(of("recovery")), 2),
        "recovery_max": max(of("recovery")),
        "orphans": int(sum(of("orphans"))),
        "published_by_a_dead_run": int(sum(of("published"))),
        "injected": found,
    }


if __name__ == "__main__":
    main()
