"""The command line as a page: every command with its options."""

from typing import Any

from crypto_bt_tests.documents.pages import table
from crypto_bt_tests.house.test_command_help import COMMANDS


def commands() -> str:
    """Every command: what it does, its arguments and options."""
    return "\n\n".join(_command(name, COMMANDS[name]) for name in sorted(COMMANDS))


def _command(name: str, command: Any) -> str:
    about, *examples = (command.help or "").replace("\b", "").split("Example: ")
    shown = [param for param in command.params if not getattr(param, "hidden", False)]
    rows = [
        [f"`{_spelling(param)}`", " ".join((getattr(param, "help", "") or "").split())] for param in shown
    ]
    parts = [f"### crypto-bt {name}", " ".join(about.split())]
    parts += [f"    {line.strip()}" for example in examples for line in example.splitlines() if line.strip()]
    return "\n\n".join([*parts, table(["takes", "meaning"], rows)] if rows else parts)


def _spelling(param: Any) -> str:
    if param.param_type_name == "argument":
        several = "..." if param.nargs == -1 else ""
        name = param.name.upper() + several
        return name if param.required else f"[{name}]"
    return ", ".join([*param.opts, *param.secondary_opts])
