"""The files in deploy/: accepted by their own tools' rules, and everything they name exists and works."""

import configparser
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml
from typer.testing import CliRunner

from crypto_bt.cli import app
from crypto_bt.runtime.supervisor import HEARTBEAT_SECONDS
from crypto_bt.settings import PROJECT, Settings

DEPLOY = PROJECT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
INSTALLED = "/opt/crypto_bt"
#: What belongs to Python and the system, not to us.
FOREIGN_VARIABLES = {"HOME", "TMPDIR", "PATH", "PYTHONUNBUFFERED"}
#: Of the compose specification: each key of a service that may be used here, and the types of its value.
SERVICE_KEYS: dict[str, tuple[type, ...]] = {
    "image": (str,),
    "build": (dict,),
    "network_mode": (str,),
    "init": (bool,),
    "restart": (str,),
    "stop_grace_period": (str,),
    "environment": (dict,),
    "volumes": (list,),
    "read_only": (bool,),
    "cap_drop": (list,),
    "security_opt": (list,),
    "cpu_shares": (int,),
    "mem_limit": (str,),
    "memswap_limit": (str,),
    "pids_limit": (int,),
    "oom_score_adj": (int,),
    "healthcheck": (dict,),
    "logging": (dict,),
}
DURATION = re.compile(r"(\d+h)?(\d+m)?(\d+s)?")
SIZE = re.compile(r"\d+[kmg]b?")


def unit(name: str) -> configparser.RawConfigParser:
    """A unit's sections; of a key given several times, the last value."""
    parser = configparser.RawConfigParser(strict=False, delimiters="=")
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(DEPLOY / "systemd" / name)
    return parser


SERVICE = unit("crypto-bt.service")["Service"]
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DESK = COMPOSE["services"]["desk"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()


def commands() -> list[list[str]]:
    """The words of every crypto-bt command in the files and in their page."""
    texts = [path.read_text() for path in (*UNITS, DEPLOY / "Dockerfile", DEPLOY / "compose.yaml")]
    texts.append((PROJECT / "docs" / "deployment.md").read_text())
    found = []
    for text in texts:
        for line in re.findall(r"(?:^|[/\s`\"=])crypto-bt (?=[a-z])([^`\"&|;#\n]+)", text, re.MULTILINE):
            found.append([word for word in shlex.split(line) if word])
    return found


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd-analyze is not here: apt install systemd")
    for path in UNITS:
        here = path.read_text().replace(f"{INSTALLED}/.venv/bin/crypto-bt", sys.executable)
        (tmp_path / path.name).write_text(here)
    told = subprocess.run(
        [verify, "verify", "--man=no", *(str(tmp_path / path.name) for path in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in told.stderr.splitlines() if "crypto" in line]
    assert (told.returncode, ours) == (0, [])


def test_the_service_is_in_the_slice_that_gives_way() -> None:
    assert (DEPLOY / "systemd" / SERVICE["Slice"]).is_file()
    # A dash would make it a part of another slice, which would then be what is weighed.
    assert "-" not in SERVICE["Slice"]
    assert unit(SERVICE["Slice"])["Slice"]["CPUWeight"] == "idle"


def test_the_watchdog_waits_for_several_heartbeats() -> None:
    assert SERVICE["Type"] == "notify"
    minutes = re.fullmatch(r"(\d+)min", SERVICE["WatchdogSec"])
    assert minutes
    assert int(minutes[1]) * 60 >= 4 * HEARTBEAT_SECONDS


def test_every_command_named_is_one() -> None:
    found = commands()
    assert ["up", "--port", "3000"] in found
    tree: Any = typer.main.get_command(app)
    for words in found:
        command, rest = tree, list(words)
        while rest and rest[0] in getattr(command, "commands", {}):
            command = command.commands[rest.pop(0)]
        assert command is not tree, words
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= known, words
        named = words[: len(words) - len(rest)]
        assert CliRunner().invoke(app, [*named, "--help"]).exit_code == 0


def test_every_variable_named_is_a_setting() -> None:
    text = (DEPLOY / "systemd" / "crypto-bt.service").read_text()
    lines = re.findall(r"^Environment=(\w+)=", text, re.MULTILINE)
    lines += re.findall(r"\b([A-Z_]+)=\S", "\n".join(re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE)))
    named = {*lines, *DESK["environment"]}
    assert "CRYPTO_BT_HOME" in named
    assert named - FOREIGN_VARIABLES <= set(Settings.model_fields)


def test_every_path_named_exists() -> None:
    text = "".join(path.read_text() for path in UNITS)
    for named in re.findall(rf"{INSTALLED}/([\w./-]+)", text):
        assert named == ".venv/bin/crypto-bt" or (PROJECT / named).exists(), named
    build = DESK["build"]
    assert (DEPLOY / build["context"]).resolve() == PROJECT
    assert (PROJECT / build["dockerfile"]).is_file()
    kept = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for source in line.split():
            assert (PROJECT / source).exists(), source
            assert f"!{source}" in kept, source


def test_compose_keys_and_values_are_those_of_the_specification() -> None:
    assert set(COMPOSE) <= {"name", "services", "volumes", "networks", "configs", "secrets"}
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", COMPOSE["name"])
    assert set(DESK) <= set(SERVICE_KEYS)
    for key, value in DESK.items():
        assert isinstance(value, SERVICE_KEYS[key]), key
    assert set(DESK["build"]) <= {"context", "dockerfile", "args", "target"}
    assert DESK["restart"] in ("no", "always", "on-failure", "unless-stopped")
    assert all(isinstance(value, str) for value in DESK["environment"].values())
    assert all(isinstance(value, str) for value in DESK["logging"]["options"].values())
    assert SIZE.fullmatch(DESK["mem_limit"])
    assert DESK["memswap_limit"] == DESK["mem_limit"]
    health = DESK["healthcheck"]
    assert set(health) <= {"test", "interval", "timeout", "retries", "start_period", "disable"}
    assert health["test"][0] == "CMD"
    assert all(isinstance(word, str) for word in health["test"])
    assert all(DURATION.fullmatch(health[key]) for key in ("interval", "timeout", "start_period"))
    assert DURATION.fullmatch(DESK["stop_grace_period"])
    assert isinstance(health["retries"], int)
    named = [volume.partition(":")[0] for volume in DESK["volumes"]]
    assert all(re.fullmatch(r"[\w.-]+:/[\w./-]+(:ro)?", volume) for volume in DESK["volumes"])
    assert set(named) == set(COMPOSE["volumes"])


def test_the_containers_files_are_read_only_but_for_what_it_writes() -> None:
    assert DESK["read_only"] is True
    targets = {volume.split(":")[1] for volume in DESK["volumes"]}
    assert targets == {"/data", "/tmp"}
    assert DESK["environment"]["CRYPTO_BT_HOME"].startswith("/data/")


def test_the_health_check_is_a_program_that_parses() -> None:
    compile(DESK["healthcheck"]["test"][-1], "healthcheck", "exec")
    assert "/server_info" in DESK["healthcheck"]["test"][-1]
