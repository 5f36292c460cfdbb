"""The command line as a page: every command with its options."""

from typing import Any

from crypto_bt_tests.documents.pages import table
from crypto_bt_tests.house.test_command_help import COMMANDS


def commands() -> str:
    """Every command: what it does, its arguments and options."""
    return "\n\n".join(_command(name, COMMANDS[name]) for name in sorted(COMMANDS))


def _command(name: str, command: Any) -> str:
    text = (command.help or "").replace("\b", "").replace("Example: ", "\n")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    about = " ".join(line for line in lines if not line.startswith("crypto-bt "))
    examples = [f"    {line}" for line in lines if line.startswith("crypto-bt ")]
    shown = [param for param in command.params if not getattr(param, "hidden", False)]
    rows = [
        [f"`{_spelling(param)}`", " ".join((getattr(param, "help", "") or "").split())] for param in shown
    ]
    parts = [f"### crypto-bt {name}", about, *(["\n".join(examples)] if examples else [])]
    return "\n\n".join([*parts, table(["takes", "meaning"], rows)] if rows else parts)


def _spelling(param: Any) -> str:
    if param.param_type_name == "argument":
        several = "..." if param.nargs == -1 else ""
        name = param.name.upper() + several
        return name if param.required else f"[{name}]"
    return ", ".join([*param.opts, *param.secondary_opts])
