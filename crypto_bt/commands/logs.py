"""``crypto-bt logs``: what the jobs of a home have said."""

import contextlib
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import Output
from crypto_bt.core.log_text import escaped
from crypto_bt.runtime.home import Home
from crypto_bt.runtime.job_log import follow as follow_log
from crypto_bt.runtime.job_log import last_lines, log_names, log_path

_COLOURS: Final = {"debug": "dim", "warning": "yellow", "error": "red", "critical": "bold red"}
_SHORT_RUN: Final = 8


def logs(
    job: Annotated[str | None, typer.Argument(help="A job, or daemon, webserver, code_server.")] = None,
    lines: Annotated[int, typer.Option("--lines", "-n", help="So many lines, the newest.", min=1)] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines come; Ctrl-C ends.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a job has logged, the newest last; without a name, which logs there are.

    With --json one object a line, as it stands in the file.

    Example: crypto-bt logs data_update --follow
    """
    folder = Home(open_home(home).CRYPTO_BT_HOME).logs
    out = Output(as_json=as_json)
    if job is None:
        _list(folder, out)
        return
    path = log_path(folder, job)
    end = path.stat().st_size
    for line in last_lines(path, lines):
        _show(line, out)
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            for line in follow_log(path, start=end):
                _show(line, out)


def _list(folder: Path, out: Output) -> None:
    found = []
    for name in log_names(folder):
        seen = log_path(folder, name).stat()
        found.append(
            {"log": name, "bytes": seen.st_size, "written": datetime.fromtimestamp(seen.st_mtime, UTC)}
        )
    if not found:
        out.say("There are no logs yet; each job's begins with its first run.")
    else:
        out.table(
            ["log", "bytes", "last written (UTC)"],
            [[each["log"], f"{each['bytes']:,}", f"{each['written']:%Y-%m-%d %H:%M}"] for each in found],
        )
    out.result({"logs": found, "folder": folder})


def _show(line: str, out: Output) -> None:
    told = _parsed(line)
    if out.as_json:
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
        return
    out.console.print(_readable(told), soft_wrap=True, highlight=False)


def _parsed(line: str) -> Mapping[str, Any]:
    """A line of JSON; anything else (what a part printed, a line that was cut) as an event by itself."""
    with contextlib.suppress(ValueError):
        told = json.loads(line)
        if isinstance(told, dict):
            return told
    return {"event": escaped(line)}


def _readable(told: Mapping[str, Any]) -> Text:
    level = str(told.get("level", ""))
    when = str(told.get("time", ""))[:19].replace("T", " ")
    who = " ".join(
        str(part) for part in (str(told.get("run", ""))[:_SHORT_RUN], told.get("step", "")) if part
    )
    text = Text()
    if when:
        text.append(f"{when} ", style="dim")
    if level:
        text.append(f"{level:<8} ", style=_COLOURS.get(level, ""))
    if who:
        text.append(f"{who}  ", style="cyan")
    text.append(escaped(str(told.get("event", ""))))
    if told.get("error"):
        text.append("\n  " + escaped(str(told["error"])).replace("\n", "\n  "), style="dim")
    return text
