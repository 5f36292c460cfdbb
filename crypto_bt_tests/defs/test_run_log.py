"""What a run says reaches its job's log, whoever started it, and no secret of the settings does."""

import json
import logging
from pathlib import Path

import dagster as dg
import pytest
import yaml
from typer.testing import CliRunner

from crypto_bt.cli import app
from crypto_bt.defs.build import desk_of_runs
from crypto_bt.defs.execute import open_instance
from crypto_bt.defs.resources import Desk
from crypto_bt.runtime.home import DAGSTER_YAML, Home
from crypto_bt.settings import load_settings, render_example

TOKEN = "canary-4711/secret"


@dg.op
def speak(context: dg.OpExecutionContext, desk: dg.ResourceParam[Desk]) -> None:
    """Says a secret, and a word by a logger of ours."""
    context.log.info(f"asking https://fred?key={TOKEN}")
    context.log.debug("too much detail")
    logging.getLogger("crypto_bt.sources.session").warning("the source is slow\x1b[2J")


@dg.op
def fail(context: dg.OpExecutionContext, desk: dg.ResourceParam[Desk]) -> None:
    """Fails with a secret in its words."""
    raise ValueError(f"refused {TOKEN}")


@dg.job
def speaking() -> None:
    """Says something."""
    speak()


@dg.job
def failing() -> None:
    """Fails."""
    fail()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.prepare(render_example(), {"FRED_API_KEY": TOKEN})
    return made


def told(home: Home, job: str) -> list[dict[str, str]]:
    """The lines of a job's log."""
    text = (home.logs / f"{job}.jsonl").read_text()
    assert "canary" not in text
    assert "\x1b" not in text
    return [json.loads(line) for line in text.splitlines()]


def check(home: Home, instance: dg.DagsterInstance) -> None:
    """Run both jobs and look at their logs."""
    resources = {"desk": desk_of_runs(Desk.open(load_settings(home.root)))}
    speaking.execute_in_process(instance=instance, resources=resources)
    failing.execute_in_process(instance=instance, resources=resources, raise_on_error=False)
    lines = told(home, "speaking")
    assert [(line["level"], line["event"]) for line in lines if "kind" not in line] == [
        ("info", "asking https://fred?key=(hidden)"),
        ("warning", "the source is slow\\x1b[2J"),
    ]
    assert {line["step"] for line in lines if "kind" not in line} == {"speak"}
    assert lines[-1]["kind"] == "PIPELINE_SUCCESS"
    [failure] = [line for line in told(home, "failing") if line.get("kind") == "STEP_FAILURE"]
    assert "refused (hidden)" in failure["error"]
    assert "Traceback" in failure["error"] or "Stack Trace" in failure["error"]


def test_run_of_a_command_is_logged(home: Home) -> None:
    with open_instance(home) as instance:
        check(home, instance)


def test_run_of_the_daemon_is_logged(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(home.dagster))
    with dg.DagsterInstance.get() as instance:
        check(home, instance)


def test_run_whose_log_cannot_be_written_goes_on(home: Home) -> None:
    home.logs.write_text("not a folder")
    with open_instance(home) as instance:
        resources = {"desk": desk_of_runs(Desk.open(load_settings(home.root)))}
        assert speaking.execute_in_process(instance=instance, resources=resources).success


def test_logs_command_shows_lines_and_lists_logs(home: Home) -> None:
    at = ["--home", str(home.root)]
    assert "There are no logs yet" in CliRunner().invoke(app, ["logs", *at]).output
    with open_instance(home) as instance:
        check(home, instance)
    shown = CliRunner().invoke(app, ["logs", "speaking", "-n", "3", *at]).output
    assert "warning  " in shown
    assert "the source is slow\\x1b[2J" in shown
    lines = CliRunner().invoke(app, ["logs", "failing", "--json", *at]).output.splitlines()
    assert all(json.loads(line)["job"] == "failing" for line in lines)
    listed = json.loads(CliRunner().invoke(app, ["logs", "--json", *at]).output)
    assert [each["log"] for each in listed["logs"]] == ["failing", "speaking"]
    (home.logs / "daemon.log").write_text("plain \x1b[31m words\n")
    assert "plain \\x1b[31m words" in CliRunner().invoke(app, ["logs", "daemon", *at]).output
    wrong = CliRunner().invoke(app, ["logs", "nothing", *at])
    assert "Those there are: daemon, failing, speaking" in str(wrong.exception)


def test_prepare_completes_a_dagster_yaml_and_keeps_what_a_person_changed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.prepare(render_example(), {})
    file = home.dagster / "dagster.yaml"
    assert file.read_text() == DAGSTER_YAML
    first = DAGSTER_YAML.splitlines()[0]
    file.write_text(f"{first}\ntelemetry: {{enabled: true}}\n# mine\nnux: {{enabled: false}}\n")
    home.prepare(render_example(), {})
    seen, wanted = yaml.safe_load(file.read_text()), yaml.safe_load(DAGSTER_YAML)
    assert seen == wanted | {"telemetry": {"enabled": True}}
    assert "\n# mine\n" in file.read_text()
    once = file.read_text()
    home.prepare(render_example(), {})
    assert file.read_text() == once
