"""Who is called: every rung has its setting, and the command says who is missing."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from crypto_bt.cli import app
from crypto_bt.core.escalation import LADDER, escalation
from crypto_bt.runtime.home import Home
from crypto_bt.settings import render_example
from crypto_bt.settings_roles import RoleSettings


def test_every_rung_has_a_setting_and_every_role_a_rung() -> None:
    assert [step.setting for step in LADDER] == list(RoleSettings.model_fields)


def test_a_blank_name_is_nobody() -> None:
    assert {who for _, who in escalation({"ROLE_LEAD": "  "})} == {""}


@pytest.mark.parametrize("named", [False, True])
def test_command_ends_with_3_while_somebody_is_missing(tmp_path: Path, named: bool) -> None:
    names = {step.setting: f"Ana, +55 11 {number}" for number, step in enumerate(LADDER)}
    Home(tmp_path).prepare(render_example(), names if named else {})
    result = CliRunner().invoke(app, ["alerts", "escalation"], env={"CRYPTO_BT_HOME": str(tmp_path)})
    assert result.exit_code == (0 if named else 3), result.output
    assert ("Ana, +55 11 0" in result.output) is named
    assert ("set ROLE_LEAD" in result.output) is not named
