"""What the parameters were chosen from: the Sharpe ratio in sample of every set of signals and exits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from crypto_bt.report.charts.panel import LINE, heading, nothing
from crypto_bt.report.drawing.canvas import FONT, Canvas, width_of, wrapped
from crypto_bt.report.drawing.scales import finite
from crypto_bt.report.figures import DASH, MINUS, known, ratio

TITLE: Final = "Sharpe ratio in sample of each parameter set"
MOST_ROWS: Final = 30
MOST_COLUMNS: Final = 16
_ROW: Final = 26
#: A Sharpe ratio of this size has the full colour, unless some are larger.
_FULL: Final = 1.0


@dataclass(frozen=True, slots=True)
class Surface:
    """``sharpe`` by (row, column). ``signals`` and ``exits`` name rows and columns, without
    what all have alike; ``charged`` counts the windows in which a set was chosen, ``now`` is the set in
    charge; ``left_out`` is how many sets have no place."""

    signals: Sequence[str]
    exits: Sequence[str]
    sharpe: Mapping[tuple[int, int], float | None]
    charged: Mapping[tuple[int, int], int]
    now: tuple[int, int] | None
    left_out: int


def surface_of(sets: pl.DataFrame, windows: pl.DataFrame | None, in_charge: Mapping[str, object]) -> Surface:
    """``sets`` (parameter_set, signals, exits, sharpe) and ``windows`` (parameter_set) of one strategy;
    ``in_charge`` is the set in charge: its parameters by name, its exits in words as ``exits``.

    Where there are more rows or columns than fit, those with the best set are shown.
    """
    rows = _best(sets, "signals", MOST_ROWS)
    columns = _best(sets, "exits", MOST_COLUMNS)
    chosen: dict[int, int] = {}
    if windows is not None:
        for number in windows["parameter_set"].drop_nulls().to_list():
            chosen[number] = chosen.get(number, 0) + 1
    sharpe: dict[tuple[int, int], float | None] = {}
    charged: dict[tuple[int, int], int] = {}
    now = None
    wanted = (
        {f"{name} {value}" for name, value in in_charge.items() if name != "exits"},
        in_charge.get("exits"),
    )
    for number, signals, exits, value in sets.select(
        "parameter_set", "signals", "exits", "sharpe"
    ).iter_rows():
        if signals not in rows or exits not in columns:
            continue
        place = rows.index(signals), columns.index(exits)
        sharpe[place] = known(value)
        if number in chosen:
            charged[place] = chosen[number]
        if (set(signals.split(", ")), exits) == wanted:
            now = place
    return Surface(_differing(rows), columns, sharpe, charged, now, sets.height - len(sharpe))


def surface_chart(surface: Surface, width: int) -> str:
    """Rows are signals, columns exits; outlined the set in charge, a dot for each that once was."""
    canvas = Canvas(width)
    if not surface.sharpe:
        return nothing(canvas, TITLE, "there was no choice to make.")
    top = heading(canvas, 0, TITLE)
    names = [f"{_letter(row)} · {name.replace('_', ' ')}" for row, name in enumerate(surface.signals)]
    beside = canvas.is_wide and max(map(width_of, names)) <= 300
    left = max(map(width_of, names)) + 8 if beside else 22.0
    cell = min((width - left) / len(surface.exits), 110.0)
    size = 11 if cell >= 36 else 10
    told = cell >= 25
    full = max(_FULL, *(abs(value) for value in finite(surface.sharpe.values())), _FULL)
    top += 16
    for column in range(len(surface.exits)):
        canvas.text((left + (column + 0.5) * cell, top - 5), str(column + 1), "soft", anchor="middle")
    for row, name in enumerate(names):
        canvas.text((0, top + row * _ROW + 17), name if beside else _letter(row), "soft")
    for (row, column), value in surface.sharpe.items():
        corner = (left + column * cell + 1, top + row * _ROW + 1)
        title = f"{surface.signals[row]}; {surface.exits[column]}: {ratio(value)}"
        if value is None:
            canvas.box(corner, (cell - 2, _ROW - 2), "soft", strength=0.08, title=title)
            canvas.text((corner[0] + cell / 2 - 1, corner[1] + 16), DASH, "soft", anchor="middle", size=size)
            continue
        strength = 0.05 + 0.65 * min(1.0, abs(value) / full)
        kind = "gain" if value > 0 else "loss" if value < 0 else "soft"
        canvas.box(corner, (cell - 2, _ROW - 2), kind, strength=strength, title=title)
        if told:
            figure = ratio(value) if cell >= 36 else f"{value:.1f}".replace("-", MINUS)
            canvas.text((corner[0] + cell / 2 - 1, corner[1] + 16), figure, anchor="middle", size=size)
    _marks(canvas, surface, (left, top), cell)
    canvas.height = _key(canvas, surface, names, top + len(names) * _ROW + 8, beside)
    return canvas.finished(
        f"{TITLE}: {len(surface.sharpe)} sets, {len(surface.charged)} of them once in charge"
    )


def _marks(canvas: Canvas, surface: Surface, origin: tuple[float, float], cell: float) -> None:
    def corner(place: tuple[int, int]) -> tuple[float, float]:
        return origin[0] + place[1] * cell + 1, origin[1] + place[0] * _ROW + 1

    dots = [(x + 6, y + 6) for x, y in map(corner, surface.charged)]
    canvas.dots(dots, "ink")
    if surface.now is not None:
        canvas.box(corner(surface.now), (cell - 2, _ROW - 2), "frame")


def _key(canvas: Canvas, surface: Surface, names: Sequence[str], top: float, beside: bool) -> float:
    """What the marks and the numbers stand for; returns where it ends."""
    exits = [f"{place} · {name.replace('_', ' ')}" for place, name in enumerate(surface.exits, start=1)]
    entries = ([] if beside else list(names)) + exits
    told = "Outlined: in charge now. Dot: in charge in some window of the walk-forward."
    lines = [told] if canvas.is_wide else ["Outlined: in charge now.", "Dot: in charge in some window."]
    if surface.left_out:
        lines.append(f"Left out: {surface.left_out:,} sets that are not among the best.")
    for line in lines:
        canvas.text((0, top + FONT), line, "soft")
        top += LINE
    for line in (line for entry in entries for line in wrapped(entry, canvas.width)):
        canvas.text((0, top + FONT), line, "soft")
        top += LINE
    return top + 6


def _best(sets: pl.DataFrame, name: str, most: int) -> list[str]:
    """The values of the column ``name`` in their order; of more than ``most`` those with the best set."""
    order = sets[name].unique(maintain_order=True).to_list()
    if len(order) <= most:
        return order
    best = sets.group_by(name, maintain_order=True).agg(pl.col("sharpe").fill_nan(None).max())
    kept = set(best.sort("sharpe", descending=True, nulls_last=True, maintain_order=True)[name].head(most))
    return [value for value in order if value in kept]


def _differing(names: Sequence[str]) -> list[str]:
    """Sets of parameters as ``a 1, b 2`` without what all of them have alike."""
    parts = [name.split(", ") for name in names]
    alike = set(parts[0]).intersection(*parts) if len(parts) > 1 else set()
    return [", ".join(part for part in own if part not in alike) for own in parts] if parts else []


def _letter(row: int) -> str:
    return chr(ord("A") + row) if row < 26 else f"A{chr(ord('A') + row - 26)}"
