"""What the night's process tells while it works, in words."""

from collections.abc import Mapping
from typing import Any


def sentence(message: Mapping[str, Any]) -> str | None:
    """The line of the log for a ``message`` of the night's process; None for what nobody needs to read."""
    match message.get("event"):
        case "isolated":
            took = ", ".join(f"{name} {value}" for name, value in message["took_effect"].items())
            return f"Priority of the night's process: {took}."
        case "progress":
            error = f"failed: {message['error']}" if message.get("error") else "done"
            memory = f", {message['peak_mb']:.0f} MB" if message.get("peak_mb") else ""
            return f"{message['strategy']} {error} ({message['done']} of {message['of']}{memory})"
        case "swept":
            return f"{message['parameter_sets']:,} parameter sets simulated."
        case "judged":
            return f"{message['strategy']}: {message['verdict']}"
        case _:
            return None


def stage_of(message: Mapping[str, Any]) -> tuple[str, int, int] | None:
    """The stage that a ``message`` is about: its name, how much of it is done, and of how much; None for a
    message that is about none."""
    match message.get("event"):
        case "stage":
            return message["stage"], message["done"], message["of"]
        case "progress":
            return "evaluating signals", message["done"], message["of"]
        case _:
            return None
