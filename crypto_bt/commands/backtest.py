"""``crypto-bt backtest``: the night now, or a trial of some strategies."""

import json
import tempfile
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.night_summary import night_summary, say_night, summary_of
from crypto_bt.commands.options import parse_day
from crypto_bt.commands.output import UNWELL, Output
from crypto_bt.commands.sweep import OutOption
from crypto_bt.commands.trying import write_frames
from crypto_bt.core.errors import CryptoBtError, UsageError
from crypto_bt.core.holds import NIGHT
from crypto_bt.core.night import cutoff_of, last_due_night
from crypto_bt.core.verdict import not_loaded

if TYPE_CHECKING:
    import polars as pl

    from crypto_bt.defs.resources import Desk


def backtest(
    strategy: Annotated[
        list[str] | None, typer.Option(help="Try only this strategy (repeat for more); nothing is published.")
    ] = None,
    night: Annotated[str | None, typer.Option(help="Day of the night; default: the last one due.")] = None,
    into: OutOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the nightly backtest now: checks, every strategy, scorecard; the result is published.

    With --strategy it is a trial: the chosen strategies on the current snapshot, printed, not published,
    and without the checks. Exit code 3 when a check or a strategy failed.

    Example: crypto-bt backtest --strategy ema_cross --out ./ema
    """
    from crypto_bt.defs.execute import run_job
    from crypto_bt.defs.night_watch import trader_of, watch_of
    from crypto_bt.defs.resources import Desk

    out = Output(as_json=as_json)
    desk = Desk.open(open_home(home))
    now = desk.clock()
    begins = desk.settings.night_time
    last = last_due_night(now, begins)
    day = parse_day(night, "--night").date() if night else last
    if cutoff_of(day, begins) > now:
        raise UsageError(f"The night of {day} is not over.", f"The last one due is {last}.")
    current = desk.store.current()
    if current is None:
        mend = not_loaded(now).at_home(desk.settings.home_option).text
        raise UsageError("There is nothing to backtest.", mend)
    if strategy:
        result = _trial(desk, current.id, day, tuple(strategy), out, into)
    else:
        watch_of(desk, trader_of(desk))
        out.note(f"Checking, backtesting and reporting the night of {day} ...")
        with out.stages() as stages:
            outcome = run_job("nightly_backtest", replace(desk, stages=stages), partition=day.isoformat())
        if not outcome.success:
            raise CryptoBtError(outcome.why)
        result = night_summary(desk, day, outcome)
        result["files"] = write_frames(into, _frames(desk, day)) if into else []
    say_night(out, result)
    if result["report"]:
        out.say(f"The report: {result['report']}")
    out.result(result)
    if result["failed_checks"] or result["failed_strategies"]:
        raise typer.Exit(UNWELL)


def _frames(desk: "Desk", night: date) -> "dict[str, pl.DataFrame]":
    from crypto_bt.store.results import FRAMES

    result = desk.results.night(night)
    return {name: result.frame(name) for name in FRAMES} if result else {}


def _trial(
    desk: "Desk", snapshot: str, night: date, strategies: tuple[str, ...], out: Output, into: Path | None
) -> dict[str, Any]:
    import polars as pl

    from crypto_bt.defs.night_plan import plan_night
    from crypto_bt.defs.night_process import run_night_process
    from crypto_bt.defs.night_watch import trader_of, watch_of
    from crypto_bt.store.holds import read_holds

    spec = plan_night(desk, snapshot, night, desk.clock(), strategies)
    with tempfile.TemporaryDirectory(prefix="crypto_bt-trial-") as work, out.stages() as stages:
        watch = watch_of(desk, trader_of(desk), despite=read_holds(desk.home.root).get(NIGHT))
        files, _ = run_night_process(spec, Path(work), watch, out.note, stages)
        metrics = pl.read_parquet(files / "metrics.parquet")
        stamp = json.loads((files / "stamp.json").read_text())
        frames = {path.stem: pl.read_parquet(path) for path in sorted(files.glob("*.parquet"))}
        written = write_frames(into, frames) if into else []
    summary = summary_of(desk, stamp, metrics)
    return {**summary, "checks": None, "failed_checks": [], "report": None, "files": written}
