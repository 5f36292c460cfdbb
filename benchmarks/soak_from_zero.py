"""Campaign: from a clone to a curve on the screen, by the README's two commands, with and without network.

Writes docs/evidence/from_zero.json. The environment holds PATH and HOME alone; each Python found is tried.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.evidence import Campaign  # noqa: E402
from crypto_bt_tests.service import free_port  # noqa: E402

PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")
#: What the product promises from the clone to the curve.
PROMISED_SECONDS = 240
NETWORKLESS = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")


def main() -> None:
    """Try every Python."""
    found = [path for name in PYTHONS if (path := _executable(name))]
    campaign = Campaign("from_zero", "Pythons", default=len(found), about=__doc__.splitlines()[0])
    campaign.restart()
    figures: dict[str, dict[str, float]] = {}
    for python in found[: campaign.of]:
        failures: list[str] = []
        with campaign.measuring(), tempfile.TemporaryDirectory() as folder:
            try:
                figures[_version(python)] = _tried(python, Path(folder))
            except (AssertionError, OSError, subprocess.SubprocessError) as error:
                failures.append(f"{_version(python)}: {str(error)[-800:]}")
        campaign.add(1, 1 - len(failures), failures, {})
        campaign.write({"seconds_each": figures, "promised_seconds": PROMISED_SECONDS})
    campaign.end()


def _tried(python: str, work: Path) -> dict[str, float]:
    seconds = {}
    began = time.monotonic()
    clone = _cloned(work / "clone")
    _run(clone, python, "demo")
    seconds["clone_and_demo"] = _since(began)
    with _served(clone, python) as url:
        _graphql(url, "{ version }")
        seconds["clone_to_curve"] = _since(began)
        assert _has_a_curve(url), "the web UI knows no number of the night"
    assert seconds["clone_to_curve"] <= PROMISED_SECONDS, f"{seconds} against {PROMISED_SECONDS}"
    (clone / "requirements.lock").touch()
    began = time.monotonic()
    _run(clone, python, "setup", before=NETWORKLESS)
    seconds["set_up_again_without_network"] = _since(began)
    _run(clone, python, "wheelhouse")
    other = _cloned(work / "other")
    shutil.copytree(clone / "wheelhouse", other / "wheelhouse")
    began = time.monotonic()
    _run(other, python, "demo", before=NETWORKLESS)
    seconds["demo_from_the_wheelhouse_without_network"] = _since(began)
    return seconds


def _cloned(to: Path) -> Path:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(to)], check=True)
    return to


def _environment(clone: Path, python: str) -> dict[str, str]:
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    return {"PATH": f"{Path(python).parent}{os.pathsep}/usr/bin{os.pathsep}/bin", "HOME": str(home)}


def _run(clone: Path, python: str, *words: str, before: Sequence[str] = ()) -> None:
    done = subprocess.run(
        [*before, "make", *words, f"PYTHON={python}"],
        cwd=clone, env=_environment(clone, python), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"make {' '.join(words)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


@contextlib.contextmanager
def _served(clone: Path, python: str) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        ["make", "dev-demo", f"ARGS=--port {port}", f"PYTHON={python}"],
        cwd=clone, env=_environment(clone, python), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            assert process.poll() is None, "make dev-demo ended"
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{url}/server_info", timeout=5).close()
                break
            time.sleep(0.2)
        yield url
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()


def _graphql(url: str, query: str) -> dict[str, object]:
    request = urllib.request.Request(
        f"{url}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, object] = json.load(answer)["data"]
    return found


def _has_a_curve(url: str) -> bool:
    """Whether the newest materialization of the night carries numbers and a picture."""
    query = """{ assetOrError(assetKey: {path: ["scorecard"]}) { ... on Asset {
        assetMaterializations(limit: 1) { metadataEntries { __typename } } } } }"""
    text = json.dumps(_graphql(url, query))
    return "FloatMetadataEntry" in text and "MarkdownMetadataEntry" in text


def _executable(name: str) -> str | None:
    """The interpreter itself, where ``name`` may be a script that looks for one."""
    if shutil.which(name) is None:
        return None
    told = subprocess.run(
        [name, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True, check=False
    )
    return told.stdout.strip() or None


def _version(python: str) -> str:
    told = subprocess.run([python, "--version"], capture_output=True, text=True, check=True)
    return told.stdout.strip()


def _since(began: float) -> float:
    return round(time.monotonic() - began, 1)


if __name__ == "__main__":
    main()
