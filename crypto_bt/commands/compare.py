"""``crypto-bt compare``: two runs side by side."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import groupby
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import UNWELL, Output, figure, minute, percent
from crypto_bt.report.run_differences import FigureChange, InputChange, RunDifferences, differences

if TYPE_CHECKING:
    from crypto_bt.store import NightResult

RunArgument = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A night such as 2026-11-21, latest, or the first digits of an id."),
]
#: What a terminal shows of a strategy, and how; --json has every figure.
SHOWN: Final[dict[str, Callable[[float | None], str]]] = {
    "net_return": lambda value: percent(value, 2),
    "sharpe": figure,
    "max_drawdown": lambda value: percent(value, 2),
    "win_rate": lambda value: "-" if value is None else f"{value:.1%}",
    "profit_factor": figure,
    "trades": lambda value: figure(value, 0),
    "commission": figure,
    "funding": figure,
    "liquidations": lambda value: figure(value, 0),
}
#: Fractions whose difference is told in percentage points.
POINTS: Final = ("net_return", "max_drawdown", "win_rate")
#: As wide as a value of what went in may be, so that the table keeps to 80 columns.
VALUE: Final = 20
COLUMNS: Final = 80
#: A change below this would be shown as none.
ROUNDING: Final = 5e-5
#: As many changes of what belongs together have a row of their own.
ROWS: Final = 4
NAME: Final = 32


def compare(
    before: RunArgument,
    after: RunArgument,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What differs between two runs: settings, code and snapshot, figures by strategy, the first trade.

    Exit code 0 when every figure and trade is the same, 3 when any differs (whatever went in).

    Example: crypto-bt compare 2026-11-20 2026-11-21
    """
    from crypto_bt.defs.resources import Desk
    from crypto_bt.store.past_runs import find_run

    out = Output(as_json=as_json)
    results = Desk.open(open_home(home)).results
    runs = [find_run(results, name) for name in (before, after)]
    found = differences(*((run.stamp, run.frame("metrics"), run.frame("trades")) for run in runs))
    for label, run in zip(("before", "after"), runs, strict=True):
        out.say(f"{label:7} night of {run.night}, run {run.path.name[:12]}, {_placed(run)}")
    _say_inputs(out, found.inputs)
    _say_figures(out, found)
    _say_trades(out, found)
    out.result(
        {
            "before": _identity(runs[0]),
            "after": _identity(runs[1]),
            "same_results": found.same_results,
            **asdict(found),
        }
    )
    if not found.same_results:
        raise typer.Exit(UNWELL)


def _identity(run: "NightResult") -> dict[str, Any]:
    return {"night": run.night, "run": run.path.name, "digest": run.digest}


def _placed(run: "NightResult") -> str:
    return f"published {minute(run.published_at)} UTC"


def _say_inputs(out: Output, inputs: tuple[InputChange, ...]) -> None:
    if not inputs:
        out.say("The same settings, code and snapshot went in.")
        return
    out.table(["kind", "what went in", "before", "after"], [row for own in _together(inputs) for row in own])


def _together(inputs: tuple[InputChange, ...]) -> Iterator[list[list[str]]]:
    """The rows of what belongs together, such as the symbols; one row that counts where these are many."""
    for (kind, of), group in groupby(inputs, key=lambda each: (each.kind, each.belongs_to)):
        own = list(group)
        if len(own) <= ROWS:
            yield [[kind, _short(each.name, NAME), _value(each.before), _value(each.after)] for each in own]
            continue
        sides = [sum(getattr(each, side) is not None for each in own) for side in ("before", "after")]
        yield [[kind, _short(f"{of}: {len(own)} differ", NAME), *(f"{count} there" for count in sides)]]


def _say_figures(out: Output, found: RunDifferences) -> None:
    shown = [each for each in found.figures if each.figure == "verdict" or each.figure in SHOWN]
    if shown:
        out.table(["strategy", "figure", "before", "after", "change"], [_row(each) for each in shown])
    hidden = len(found.figures) - len(shown)
    if hidden:
        out.say(f"{hidden} other figures differ too: --json has all.")
    for told, names in (("Only before", found.only_before), ("Only after", found.only_after)):
        if names:
            out.say(f"{told}: {', '.join(names)}.")
    if not found.figures:
        out.say("Every figure of every strategy that both have is the same.")


def _say_trades(out: Output, found: RunDifferences) -> None:
    trades = found.trades
    out.say(
        f"Trades: {trades.same:,} the same, {trades.different:,} differ, {trades.only_before:,} only before, "
        f"{trades.only_after:,} only after."
    )
    if trades.first is None:
        return
    first = trades.first
    place = f"{first.strategy} {first.symbol} entered {minute(first.entry_time)}"
    if first.field == "trade":
        what = "only before" if first.before else "only after"
    else:
        what = f"{first.field} was {_value(first.before)} and is {_value(first.after)}"
    out.say(fill(f"The first to differ: {place}, {what}.", COLUMNS))


def _row(change: FigureChange) -> list[str]:
    if isinstance(change.before, str) or isinstance(change.after, str):
        sides = [value if isinstance(value, str) else "-" for value in (change.before, change.after)]
        return [change.strategy, change.figure, *sides, ""]
    written = SHOWN[change.figure]
    moved = ""
    if change.before is not None and change.after is not None:
        by = change.after - change.before
        moved = f"{100 * by:+.2f} pp" if change.figure in POINTS else f"{by:+,.2f}"
        if abs(by) < ROUNDING:
            moved = f"{by:+.0e}"
    name = change.figure.replace("_", " ")
    return [change.strategy, name, written(change.before), written(change.after), moved]


def _value(value: object) -> str:
    if value is None:
        return "-"
    if value is True:
        return "yes"
    if hasattr(value, "strftime"):
        return minute(value)  # type: ignore[arg-type]
    return _short(f"{value:.6g}" if isinstance(value, float) else str(value), VALUE)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 2]}.."
