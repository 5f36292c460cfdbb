"""``crypto-bt sql``: ask the store in SQL."""

from datetime import datetime
from typing import Annotated

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import Output, minute
from crypto_bt.runtime.home import Home

ROWS_SHOWN = 40


def shown(cell: object) -> object:
    """A cell as a person reads it: times to the minute, numbers with at most ten digits."""
    if isinstance(cell, datetime):
        return minute(cell)
    return f"{cell:.10g}" if isinstance(cell, float) else "-" if cell is None else cell


def sql(
    query: Annotated[str, typer.Argument(help="SQL in DuckDB's dialect; tables are the datasets.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the current snapshot in SQL (read-only).

    Example: crypto-bt sql "select symbol, max(high) from candles_1d group by symbol order by 2 desc limit 5"
    """
    from crypto_bt.store import SnapshotStore
    from crypto_bt.store.sql import query as ask

    settings = open_home(home)
    frame = ask(SnapshotStore(Home(settings.CRYPTO_BT_HOME).store), query)
    out = Output(as_json=as_json)
    out.table(frame.columns, [[shown(cell) for cell in row] for row in frame.head(ROWS_SHOWN).rows()])
    if frame.height > ROWS_SHOWN:
        out.say(f"... {frame.height - ROWS_SHOWN} more rows; --json prints all.")
    out.result(frame.to_dicts())
