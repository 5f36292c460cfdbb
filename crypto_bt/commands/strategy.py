"""``crypto-bt strategy``: what there is to backtest, what one of them does, and a file to begin with."""

import keyword
import shlex
import textwrap
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from crypto_bt.commands.homes import JsonOption
from crypto_bt.commands.output import UNWELL, Output
from crypto_bt.core.errors import UsageError

if TYPE_CHECKING:
    from crypto_bt.strategies import Strategy

#: The list fits a terminal of this width; what a strategy needs is shortened to it.
_WIDTH: Final = 80
_OWN: Final = "crypto_bt"
Named = Annotated[str, typer.Argument(metavar="NAME", help="Such as ema_cross.")]

app = typer.Typer(help="The strategies: list, show, begin a new one.", no_args_is_help=True)


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """Every strategy: candles, warm-up, parameter sets x exits of its grid, what it needs, whose it is.

    Exit code 3 when an installed package registered one that cannot be used.

    Example: crypto-bt strategy list
    """
    from crypto_bt.strategies import strategy_classes, strategy_problems

    out = Output(as_json=as_json)
    strategies = [cls() for cls in strategy_classes().values()]
    problems = strategy_problems()
    rows = [
        [
            strategy.name,
            strategy.timeframe.value,
            str(strategy.warm_up),
            f"{len(strategy.grid())} x {len(strategy.exit_grid())}",
            textwrap.shorten(_package(strategy.name).partition(" ")[0], 16, placeholder="..."),
        ]
        for strategy in strategies
    ]
    header = ["name", "bars", "warm-up", "sets", "from"]
    taken = sum(max(len(row[at]) for row in [header, *rows]) + 2 for at in range(len(header)))
    for row, strategy in zip(rows, strategies, strict=True):
        needs = ", ".join(strategy.needs) or "-"
        row.append(textwrap.shorten(needs, max(_WIDTH - taken, 12), placeholder=" ..."))
    out.table([*header, "needs"], rows)
    for problem in problems:
        out.say(str(problem), style="yellow")
    out.result(
        {
            "strategies": [_facts(strategy) for strategy in strategies],
            "problems": [
                {"name": problem.name, "from": problem.package, "reason": problem.reason}
                for problem in problems
            ],
        }
    )
    if problems:
        raise typer.Exit(UNWELL)


@app.command()
def show(name: Named, as_json: JsonOption = False) -> None:
    """One strategy: the idea, its source, its parameters, what it needs, its warm-up and its grid.

    Example: crypto-bt strategy show donchian_breakout
    """
    from crypto_bt.strategies import build_strategy

    out = Output(as_json=as_json)
    strategy = build_strategy(name)
    facts = _facts(strategy)
    out.say(f"{name} ({facts['from']})", style="bold")
    for line in textwrap.wrap(facts["idea"], _WIDTH):
        out.say(line)
    out.say("")
    out.say(f"source   {facts['source'] or 'not given'}")
    out.say(f"candles  {facts['timeframe']}")
    out.say(f"warm-up  {facts['warm_up']} bars")
    out.say(f"needs    {', '.join(facts['needs']) or 'nothing but candles'}")
    out.say("")
    out.table(
        ["parameter", "kind", "default"],
        [[row["name"], row["kind"], _written(row["default"])] for row in facts["parameters"]],
    )
    out.say("")
    out.say(f"{len(facts['grid'])} parameter sets, the first is the default:")
    for given in facts["grid"]:
        out.say(
            "  " + (", ".join(f"{key} {_written(value)}" for key, value in given.items()) or "no parameters")
        )
    out.say("")
    out.say(f"{len(facts['exits'])} ways to leave, each tried with each set:")
    for plan in strategy.exit_grid():
        out.say(f"  {plan}")
    out.result(facts)


@app.command()
def new(
    name: Named,
    into: Annotated[
        Path | None,
        typer.Option(help="Folder of your own package; default: the strategies folder of crypto_bt."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a commented strategy that passes the tests of every strategy, to be changed into your own.

    Example: crypto-bt strategy new my_idea --into ~/desk/desk_strategies
    """
    import crypto_bt.strategies as ours
    from crypto_bt.strategies.template import class_name, strategy_text

    out = Output(as_json=as_json)
    _refuse_name(name)
    home = Path(ours.__file__).parent
    folder = (into or home).expanduser().resolve()
    if not folder.is_dir():
        raise UsageError(f"There is no folder {folder}.", "Make it, or name another with --into.")
    path = folder / f"{name}.py"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(strategy_text(name))
    except FileExistsError:
        raise UsageError(f"{path} exists.", "Choose another name, or change that file.") from None
    entry = None if folder == home else f'{name} = "{_module(path)}:{class_name(name)}"'
    out.say(f"Written: {path}")
    if entry is None:
        out.say(f"Try it: crypto-bt backtest --strategy {name}")
        out.say("Test it: python -m pytest crypto_bt_tests/strategies")
    else:
        out.say("Register it in your package's pyproject.toml, and install the package beside crypto_bt:")
        out.say(f'\n[project.entry-points."crypto_bt.strategies"]\n{entry}\n')
        out.say(
            f"Then: pip install -e {shlex.quote(str(_project(folder)))} && crypto-bt strategy show {name}"
        )
    out.result({"name": name, "path": path, "entry_point": entry})


def _refuse_name(name: str) -> None:
    from crypto_bt.strategies import strategy_names
    from crypto_bt.strategies.registered import NAME_PATTERN

    if not NAME_PATTERN.match(name) or keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} is no name for a strategy.",
            "Use 2 to 40 of a-z, 0-9 and _, beginning with a letter, such as my_idea.",
        )
    if name in strategy_names():
        raise UsageError(f"There is a strategy {name} ({_package(name)}).", "Choose another name.")


def _facts(strategy: "Strategy") -> dict[str, Any]:
    grid = strategy.grid()
    varied = [
        name
        for name, value in strategy.parameters.items()
        if any(one.parameters[name] != value for one in grid)
    ]
    return {
        "name": strategy.name,
        "from": _package(strategy.name),
        "idea": " ".join((type(strategy).__doc__ or "").replace("``", "").split()),
        "source": strategy.source,
        "timeframe": strategy.timeframe.value,
        "warm_up": strategy.warm_up,
        "needs": list(strategy.needs),
        "parameters": [
            {
                "name": field.name,
                "kind": str(getattr(field.type, "__name__", field.type)),
                "default": None if field.default is MISSING else field.default,
            }
            for field in fields(strategy)
        ],
        "grid": [{name: one.parameters[name] for name in varied} for one in grid],
        "exits": [plan.given for plan in strategy.exit_grid()],
    }


def _package(name: str) -> str:
    from crypto_bt.strategies.registered import package_of, registered

    entry = registered(())[0].get(name)
    return package_of(entry) if entry else _OWN


def _written(value: object) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _module(path: Path) -> str:
    """The dotted name by which the package that ``path`` lies in imports it."""
    parts, folder = [path.stem], path.parent
    while (folder / "__init__.py").exists():
        parts.append(folder.name)
        folder = folder.parent
    return ".".join(reversed(parts))


def _project(folder: Path) -> Path:
    return next((up for up in (folder, *folder.parents) if (up / "pyproject.toml").exists()), folder)
