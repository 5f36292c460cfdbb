"""Which live trade is which trade of the backtest: the best pairing one to one."""

from collections.abc import Sequence

import polars as pl

_PAIR, _LEAVE_FIRST, _LEAVE_SECOND = range(3)


def match_entries(backtest: Sequence[int], live: Sequence[int], tolerance: int) -> list[tuple[int, int]]:
    """Pairs (place in ``backtest``, place in ``live``) of times that are at most ``tolerance`` apart.

    Both are sorted times of one symbol and side, in any one unit. As many pairs as possible, each time in
    one at most; of all ways to do so the one with the least sum of distances; of equal ones that which pairs
    the earlier. On a line a best pairing exists in which no two pairs cross, so the two lists are walked
    side by side (the alignment of Needleman and Wunsch, 1970), one cluster of near times at a time: the work
    grows with the clusters' sizes, not with the whole.
    """
    pairs: list[tuple[int, int]] = []
    for ours, theirs in _clusters(backtest, live, tolerance):
        pairs += [
            (ours.start + left, theirs.start + right)
            for left, right in _align(
                backtest[ours.start : ours.stop], live[theirs.start : theirs.stop], tolerance
            )
        ]
    return pairs


def match_trades(backtest: pl.DataFrame, live: pl.DataFrame, tolerance_ms: int) -> pl.DataFrame:
    """The rows ``backtest`` and ``live`` (places in the two tables, UInt32) of each pair.

    Both tables have symbol, side, entry_time of one strategy. Sorted by the live trades' places.
    """
    pairs: list[tuple[int, int]] = []
    ours = _groups(backtest)
    for key, theirs in _groups(live).items():
        mine = ours.get(key, [])
        found = match_entries([at for at, _ in mine], [at for at, _ in theirs], tolerance_ms)
        pairs += [(mine[left][1], theirs[right][1]) for left, right in found]
    pairs.sort(key=lambda pair: pair[1])
    return pl.DataFrame(pairs, schema={"backtest": pl.UInt32(), "live": pl.UInt32()}, orient="row")


def _groups(trades: pl.DataFrame) -> dict[tuple[str, int], list[tuple[int, int]]]:
    """(time in ms, place) of each symbol's trades on each side, by time."""
    groups: dict[tuple[str, int], list[tuple[int, int]]] = {}
    entries = trades.select("symbol", "side", pl.col("entry_time").dt.epoch("ms"))
    for place, (symbol, side, time) in enumerate(entries.iter_rows()):
        groups.setdefault((symbol, side), []).append((time, place))
    return {key: sorted(group) for key, group in sorted(groups.items())}


def _clusters(first: Sequence[int], second: Sequence[int], tolerance: int) -> list[tuple[slice, slice]]:
    """Stretches of the two lists between which no two times are within the tolerance."""
    merged = sorted([(time, 0) for time in first] + [(time, 1) for time in second])
    found: list[tuple[slice, slice]] = []
    begin, at = [0, 0], [0, 0]
    for number, (time, which) in enumerate(merged):
        if number and time - merged[number - 1][0] > tolerance:
            found.append((slice(begin[0], at[0]), slice(begin[1], at[1])))
            begin = list(at)
        at[which] += 1
    found.append((slice(begin[0], at[0]), slice(begin[1], at[1])))
    return found


def _align(first: Sequence[int], second: Sequence[int], tolerance: int) -> list[tuple[int, int]]:
    """The best pairing of two lists, from their ends: ``best[j]`` is (pairs, -distance) of what follows.

    ``steps[i][j]`` says what is best there: to pair the two, or to leave one of the first, or of the second.
    """
    rows, columns = len(first), len(second)
    below = [(0, 0)] * (columns + 1)
    steps = [bytearray(columns) for _ in range(rows)]
    for i in range(rows - 1, -1, -1):
        best = [(0, 0)] * (columns + 1)
        for j in range(columns - 1, -1, -1):
            found = (below[j], _LEAVE_FIRST) if below[j] >= best[j + 1] else (best[j + 1], _LEAVE_SECOND)
            apart = abs(first[i] - second[j])
            if apart <= tolerance:
                pairs, distance = below[j + 1]
                together = (pairs + 1, distance - apart)
                if together >= found[0]:
                    found = (together, _PAIR)
            best[j], steps[i][j] = found
        below = best
    chosen = []
    i = j = 0
    while i < rows and j < columns:
        step = steps[i][j]
        if step == _PAIR:
            chosen.append((i, j))
        i += step != _LEAVE_SECOND
        j += step != _LEAVE_FIRST
    return chosen
