"""The data dictionary, from the descriptions beside the schemas."""

from collections.abc import Mapping

from crypto_bt.backtest.result_columns import RESULT_TABLES
from crypto_bt.core.columns import Table
from crypto_bt.core.market_columns import MARKET_TABLES
from crypto_bt.core.series import MEANING, PLAUSIBLE
from crypto_bt_tests.documents.pages import table


def market() -> str:
    """Every table of the market store."""
    return _tables(MARKET_TABLES)


def night() -> str:
    """Every table of a night."""
    return _tables(RESULT_TABLES)


def series() -> str:
    """Every series: unit, and the values that can be meant."""
    rows = [
        [f"`{name}`", unit, meaning, f"{PLAUSIBLE[name][0]:,g} to {PLAUSIBLE[name][1]:,g}"]
        for name, (meaning, unit) in MEANING.items()
    ]
    return table(["series", "unit", "meaning", "value"], rows)


def _tables(tables: Mapping[str, Table]) -> str:
    same: dict[str, list[Table]] = {}
    for each in tables.values():
        same.setdefault(_body(each), []).append(each)
    parts = []
    for body, group in same.items():
        columns = f"Columns as of [{group[-1].name}](#{group[-1].name})."
        parts += [f"{_head(each)} {columns}" for each in group[:-1]]
        parts += [_head(group[-1]), body]
    return "\n\n".join(parts)


def _head(each: Table) -> str:
    rules = "".join(f" Always: {rule.text}." for rule in each.rules)
    key = ", ".join(f"`{name}`" for name in each.key)
    return f"### {each.name}\n\n{each.row} Key: {key}.{rules}"


def _body(each: Table) -> str:
    rows = [
        [f"`{name}`", str(each.schema[name]).partition("(")[0], column.unit, column.meaning, column.invariant]
        for name, column in each.columns.items()
    ]
    return table(["column", "type", "unit", "meaning", "invariant"], rows)
