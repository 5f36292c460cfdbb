"""``crypto-bt data dictionary``: every table and column with meaning, unit and rule."""

from typing import Annotated, Any

import typer

from crypto_bt.commands.homes import JsonOption
from crypto_bt.commands.output import Output
from crypto_bt.core.columns import Table
from crypto_bt.core.errors import UsageError


def dictionary(
    table: Annotated[
        str | None, typer.Argument(help="One table, such as candles_1h or trades; without it, all.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """What the tables of the market and of a night hold: each column's meaning, unit and rule.

    Example: crypto-bt data dictionary funding_rates
    """
    from crypto_bt.backtest.result_columns import RESULT_TABLES
    from crypto_bt.core.market_columns import MARKET_TABLES

    places = {"market": MARKET_TABLES, "night": RESULT_TABLES}
    known = [name for tables in places.values() for name in tables]
    if table is not None and table not in known:
        raise UsageError(f"There is no table {table!r}.", f"There are: {', '.join(known)}.")
    out = Output(as_json=as_json)
    found = []
    for place, tables in places.items():
        for each in tables.values():
            if table in (None, each.name):
                found.append(described(place, each))
                _show(out, each)
    out.result({"tables": found})


def described(place: str, table: Table) -> dict[str, Any]:
    """A table as plain JSON values."""
    return {
        "table": table.name,
        "place": place,
        "row": table.row,
        "key": list(table.key),
        "columns": [
            {
                "column": name,
                "type": str(table.schema[name]),
                "unit": column.unit,
                "meaning": column.meaning,
                "rule": column.rule.text,
                "null": column.null or None,
            }
            for name, column in table.columns.items()
        ],
        "rules": [rule.text for rule in table.rules],
    }


def _show(out: Output, table: Table) -> None:
    out.say(f"{table.name}: {table.row}", style="bold")
    out.say(f"Key: {', '.join(table.key)}")
    out.table(
        ["column", "type", "unit", "meaning", "rule"],
        [
            [name, _short(table.schema[name]), column.unit, column.meaning, column.invariant]
            for name, column in table.columns.items()
        ],
    )
    for rule in table.rules:
        out.say(f"Always: {rule.text}")
    out.say("")


def _short(kind: object) -> str:
    return str(kind).partition("(")[0]
