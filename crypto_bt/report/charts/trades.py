"""Every trade as a dot: how long it was held, what it brought, and why it ended."""

import math
from typing import Final

import polars as pl

from crypto_bt.report.charts.panel import LEFT, RIGHT, Key, heading, legend, nothing, percent_grid
from crypto_bt.report.drawing.canvas import FONT, Canvas
from crypto_bt.report.drawing.scales import Scale, round_scale
from crypto_bt.report.drawing.style import COLOURS

TITLE: Final = "Trades: net return on the symbol's capital against the time held"
#: By reason to leave, so that one has the same colour in every picture; others take what is left.
KINDS: Final = {
    "signal": "s0",
    "stop": "s1",
    "target": "s2",
    "time": "s3",
    "open": "soft",
    "liquidation": "loss",
}
MOST_TRADES: Final = 4000
_TIMES: Final = (
    (0.25, "15 min"), (1, "1 h"), (4, "4 h"), (12, "12 h"), (24, "1 d"), (72, "3 d"), (168, "1 w"),
    (720, "30 d"), (2160, "90 d"), (8760, "1 y"), (43800, "5 y"),
)  # fmt: skip


def trades_chart(trades: pl.DataFrame, width: int) -> str:
    """``trades`` (entry_time, exit_time, net_return, exit_reason) of one strategy, on a logarithmic axis.

    Of more than 4,000 trades the last to end are shown, and how many that leaves out is said.
    """
    canvas = Canvas(width)
    hours = (pl.col("exit_time") - pl.col("entry_time")).dt.total_minutes() / 60.0
    known = trades.with_columns(hours=hours.clip(lower_bound=0.25)).filter(pl.col("net_return").is_finite())
    if known.is_empty():
        return nothing(canvas, TITLE, "there is no trade to show.")
    order = [name for name in ("exit_time", "entry_time", "symbol") if name in known.columns]
    shown = known.sort(order).tail(MOST_TRADES)
    top = heading(canvas, 0, TITLE if canvas.is_wide else "Trades: net return by time held")
    reasons = sorted(shown["exit_reason"].unique().to_list())
    counts = dict(shown.group_by("exit_reason").len().iter_rows())
    kinds = _kinds(reasons)
    keys = [Key(f"{name.replace('_', ' ')} ({counts[name]:,})", kinds[name], dot=True) for name in reasons]
    top = legend(canvas, top, keys) + 4
    bottom = top + 250
    upright = round_scale(shown["net_return"].to_list(), bottom, top, ticks=6)
    percent_grid(canvas, upright, signed=True, ticks=6)
    across = _hours_axis(canvas, shown["hours"].to_list(), bottom)
    for name in reasons:
        own = shown.filter(pl.col("exit_reason") == name)
        points = [
            (across(math.log(held)), upright(value))
            for held, value in own.select("hours", "net_return").iter_rows()
        ]
        canvas.dots(points, kinds[name])
    canvas.text((width - RIGHT, bottom + 34), _axis_told(canvas, known.height), "soft", anchor="end")
    canvas.height = bottom + 40
    won = shown.filter(pl.col("net_return") > 0).height
    return canvas.finished(f"{TITLE}. {shown.height} trades, {won} with a gain")


def _kinds(reasons: list[str]) -> dict[str, str]:
    free = iter(
        [f"s{place}" for place in range(COLOURS) if f"s{place}" not in KINDS.values()] + ["soft"] * 99
    )
    return {name: KINDS[name] if name in KINDS else next(free) for name in reasons}


def _hours_axis(canvas: Canvas, hours: list[float], bottom: float) -> Scale:
    low, high = min(hours), max(hours)
    first = max((time for time, _ in _TIMES if time <= low), default=_TIMES[0][0])
    last = min((time for time, _ in _TIMES if time >= high), default=max(high, _TIMES[-1][0]))
    if last == first:
        last = next((time for time, _ in _TIMES if time > first), first * 2)
    scale = Scale(math.log(first), math.log(last), LEFT + 8, canvas.width - RIGHT - 8)
    end = -math.inf
    for time, told in _TIMES:
        if first <= time <= last:
            x = scale(math.log(time))
            canvas.line((x, bottom), (x, bottom + 4), "zero")
            if x - end > 14:
                canvas.text((x, bottom + 17), told, "soft", anchor="middle")
                end = x + len(told) * FONT * 0.3
    return scale


def _axis_told(canvas: Canvas, trades: int) -> str:
    told = "time held (logarithmic)"
    if trades > MOST_TRADES:
        return f"the last {MOST_TRADES:,} of {trades:,}; {told}"
    return f"{trades:,} trades; {told}" if canvas.is_wide else told
