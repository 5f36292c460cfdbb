"""What ``crypto-bt compare-live`` tells: one object for machines, tables of 80 columns for a person."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crypto_bt.commands.output import Output, figure

if TYPE_CHECKING:
    pass

#: Missed and extra trades that are listed; --json has them all.
LISTED: Final = 20
_NAMES: Final = {"entry": "slippage in", "exit": "slippage out"}


def say_comparison(
    out: Output, result: dict[str, Any], left_out: Sequence[str], env_file: Path | None
) -> None:
    """The result for a person."""
    out.say(f"{result['backtest']} and {Path(result['trades']).name}", style="bold")
    out.table(
        ["strategy", "from", "to", "matched", "missed", "extra", "outside"],
        [
            [
                made["strategy"], f"{made['start']:%F %H:%M}", f"{made['end']:%F %H:%M}",
                made["matched"], made["missed"], made["extra"], made["outside"],
            ]
            for made in result["strategies"]
        ],
    )  # fmt: skip
    _say_unmatched(out, result["strategies"])
    if left_out:
        out.say(f"Left out of the night, so it could not trade them: {', '.join(left_out)}.", style="yellow")
    for note in result["notes"]:
        out.say(note, style="yellow")
    _say_differences(out, result["differences"])
    _say_slippage(out, result["slippage"], env_file)


def _say_unmatched(out: Output, strategies: Sequence[dict[str, Any]]) -> None:
    rows = [
        [
            kind, trade["symbol"], "long" if trade["side"] > 0 else "short",
            f"{trade['entry_time']:%F %H:%M}", f"{trade['entry_price']:.8g}", made["strategy"],
        ]
        for kind in ("missed", "extra")
        for made in strategies
        for trade in made[f"{kind}_trades"]
    ]  # fmt: skip
    if not rows:
        return
    out.say("")
    out.table(["", "symbol", "side", "entry", "price", "strategy"], rows[:LISTED])
    if len(rows) > LISTED:
        out.say(f"... {len(rows) - LISTED} more; --json lists all.")


def _say_differences(out: Output, differences: Sequence[dict[str, Any]]) -> None:
    every, *by_symbol = differences
    if not every["pairs"]:
        return
    out.say("")
    out.say("In basis points, a cost positive; the difference is live - backtest:")
    out.table(
        ["", "live", "backtest", "difference", "median", "95 % range", "pairs"],
        [
            [
                _NAMES.get(name, name), figure(row["live"]), figure(row["model"]),
                _signed(row["difference"]["mean"]), _signed(row["difference"]["median"]),
                _range(row["difference"]["interval"]), row["difference"]["n"],
            ]
            for name, row in every["figures"].items()
        ],
    )  # fmt: skip
    out.say("")
    out.table(
        ["symbol", "pairs", "same exit", "in", "out", "commission", "funding", "quantity"],
        [
            [
                row["symbol"], row["pairs"], row["same_exits"],
                *(_signed(one["difference"]["mean"]) for one in row["figures"].values()),
                figure(row["quantity"]),
            ]
            for row in by_symbol
        ],
    )  # fmt: skip


def _say_slippage(out: Output, slippage: dict[str, Any], env_file: Path | None) -> None:
    live = slippage["live"]
    if live["mean"] is None:
        out.say("No market order was matched, so the slippage was not measured.")
        return
    interval = live["interval"]
    sure = (
        f"95 %: {interval['low']:.2f} to {interval['high']:.2f}" if interval else "too few days for a range"
    )
    out.say("")
    out.say(f"Measured slippage of market orders: {live['mean']:.2f} bps a fill, where the model has")
    out.say(
        f"{slippage['model']:.2f} ({sure}; median {live['median']:.2f}; "
        f"{live['n']} fills on {live['days']} days)."
    )
    out.say("To use what was measured, in the home's .env:")
    out.say(f"{slippage['setting']}{f'    ({env_file})' if env_file else ''}", style="bold")


def _signed(value: float | None) -> str:
    # What rounds to zero has no sign.
    return "-" if value is None else f"{round(value, 2) + 0.0:+.2f}"


def _range(interval: dict[str, float] | None) -> str:
    return "-" if interval is None else f"{_signed(interval['low'])} to {_signed(interval['high'])}"
