"""Every command explains itself."""

from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from crypto_bt.cli import app


def commands() -> dict[str, Any]:
    """Every leaf command by its full name."""
    found: dict[str, Any] = {}

    def walk(name: str, command: Any) -> None:
        children = getattr(command, "commands", None)
        if children is None:
            found[name.strip()] = command
        for child, inner in (children or {}).items():
            walk(f"{name} {child}", inner)

    walk("", typer.main.get_command(app))
    return found


COMMANDS = commands()


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_help_and_every_option_is_described(name: str) -> None:
    command = COMMANDS[name]
    assert command.help, f"crypto-bt {name} has no help"
    shown = [p for p in command.params if not getattr(p, "hidden", False)]
    assert [p.name for p in shown if not getattr(p, "help", "")] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_command_prints_its_help(name: str) -> None:
    result = CliRunner().invoke(app, [*name.split(), "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("init", "dev", "up")])
def test_command_speaks_json(name: str) -> None:
    assert "--json" in [option for p in COMMANDS[name].params for option in p.opts]
