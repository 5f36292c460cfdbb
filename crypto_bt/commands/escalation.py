"""``crypto-bt alerts escalation``: who is called when."""

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import UNWELL, Output
from crypto_bt.core.escalation import escalation as ladder


def escalation(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Who is called when, and what they decide; exit code 3 while a role is nobody's.

    Example: crypto-bt alerts escalation
    """
    rungs = ladder(open_home(home).roles)
    out = Output(as_json=as_json)
    for step, who in rungs:
        out.say(f"{step.role}: {who or f'nobody is named, set {step.setting}'}", style="bold")
        out.say(f"  called: {step.called}")
        out.say(f"  decides: {step.decides}")
    out.result(
        {
            "escalation": [
                {"role": step.role, "who": who or None, "called": step.called, "decides": step.decides}
                for step, who in rungs
            ]
        }
    )
    if not all(who for _, who in rungs):
        raise typer.Exit(UNWELL)
