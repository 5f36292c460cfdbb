"""``crypto-bt data quarantine``: rows that were refused or are doubtful, and what a person decides."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.options import SymbolsOption
from crypto_bt.commands.output import Output, minute
from crypto_bt.core.datasets import DATASETS
from crypto_bt.core.errors import UsageError
from crypto_bt.core.market import Timeframe, parse_symbol

if TYPE_CHECKING:
    from crypto_bt.defs.deciding import Case

app = typer.Typer(help="Refused and doubtful rows: list, show, accept, reject.", no_args_is_help=True)

SymbolArgument = Annotated[str, typer.Argument(help="Such as BTCUSDT.")]
DatasetArgument = Annotated[str, typer.Argument(help="Such as candles_1h, or 1h for short.")]
TimeArgument = Annotated[str, typer.Argument(help="As listed, in UTC: 2026-11-21T05:00.")]
_TIME_FORMATS = ("%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d")


@app.command("list")
def list_(symbols: SymbolsOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """What was refused or waits for a decision, and whether a good row has come since.

    Example: crypto-bt data quarantine list --symbols BTCUSDT,ETHUSDT
    """
    from crypto_bt.defs.deciding import quarantined
    from crypto_bt.defs.resources import Desk

    desk = Desk.open(open_home(home))
    rows = quarantined(desk, _symbols(symbols, desk.settings.SYMBOLS))
    out = Output(as_json=as_json)
    out.table(
        ["symbol", "dataset", "open_time", "reason", "since", "state", "healed"],
        [
            [
                *(r["symbol"], r["dataset"], f"{r['open_time']:%Y-%m-%dT%H:%M}", r["reason"]),
                *(minute(r["seen_at"]), r["state"], "yes" if r["healed"] else "no"),
            ]
            for r in rows.iter_rows(named=True)
        ],
    )
    waiting = rows.filter(state="waiting", healed=False).height
    out.say(
        f"{rows.height} rows, {rows.filter(healed=False).height} without a good row since; "
        f"{waiting} {'waits' if waiting == 1 else 'wait'} for a decision, a day at most."
    )
    out.result({"home": desk.home.root, "waiting": waiting, "rows": rows.to_dicts()})


@app.command()
def show(
    symbol: SymbolArgument,
    dataset: DatasetArgument,
    open_time: TimeArgument,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The row as it was sent, the stored rows around it, and the mark price of its last hour.

    Example: crypto-bt data quarantine show BTCUSDT candles_1h 2026-11-21T05:00
    """
    from crypto_bt.defs.deciding import look_up, parsed
    from crypto_bt.defs.resources import Desk

    desk, case = Desk.open(open_home(home)), _case(symbol, dataset, open_time)
    found = look_up(desk, case)
    out = Output(as_json=as_json)
    for row in found.rows:
        out.say(f"{case.text}: {row['reason']}, seen {minute(row['seen_at'])}, {row['state']}.")
    for number, raw in enumerate(found.raws, 1):
        out.say(f"row {number}: {raw}")
    near = found.neighbours
    out.say(f"Stored around it, {near.height} rows:")
    out.table(near.columns, [[_cell(cell) for cell in row] for row in near.rows()])
    mark = found.mark_price
    out.say(f"Mark price of its last hour: {mark['close']:.10g}" if mark else "Its mark price is not stored.")
    out.result(
        {
            "rows": found.rows,
            "raws": [parsed(raw) for raw in found.raws],
            "stored": near.to_dicts(),
            "mark_price": mark,
        }
    )


@app.command()
def accept(
    symbol: SymbolArgument,
    dataset: DatasetArgument,
    open_time: TimeArgument,
    row: Annotated[int | None, typer.Option(min=1, help="Which raw row, where there are several.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store a doubtful row after all. Impossible rows cannot be accepted.

    Example: crypto-bt data quarantine accept BTCUSDT candles_1h 2026-11-21T05:00
    """
    from crypto_bt.defs.deciding import accept as accept_case
    from crypto_bt.defs.resources import Desk

    desk, case = Desk.open(open_home(home)), _case(symbol, dataset, open_time)
    snapshot = accept_case(desk, case, row=row)
    out = Output(as_json=as_json)
    out.say(f"Accepted {case.text}; published as snapshot {snapshot.id}.")
    out.result({"decision": "accepted", "snapshot": snapshot.id, **_named(case)})


@app.command()
def reject(
    symbol: SymbolArgument,
    dataset: DatasetArgument,
    open_time: TimeArgument,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a doubtful value out for good; another value from the exchange is judged anew.

    Example: crypto-bt data quarantine reject BTCUSDT candles_1h 2026-11-21T05:00
    """
    from crypto_bt.defs.deciding import reject as reject_case
    from crypto_bt.defs.resources import Desk

    desk, case = Desk.open(open_home(home)), _case(symbol, dataset, open_time)
    snapshot = reject_case(desk, case)
    out = Output(as_json=as_json)
    out.say(f"Rejected {case.text}; recorded in snapshot {snapshot.id}.")
    out.result({"decision": "rejected", "snapshot": snapshot.id, **_named(case)})


def _case(symbol: str, dataset: str, open_time: str) -> "Case":
    """The arguments that say which row is meant; UsageError for one that cannot be."""
    from crypto_bt.defs.deciding import Case

    short = {timeframe.value: timeframe.dataset for timeframe in Timeframe}
    name = short.get(dataset, dataset)
    if name not in DATASETS:
        raise UsageError(f"There is no dataset {dataset!r}.", f"There are: {', '.join(DATASETS)}.")
    for pattern in _TIME_FORMATS:
        try:
            opened = datetime.strptime(open_time, pattern).replace(tzinfo=UTC)
        except ValueError:
            continue
        return Case(_entity(symbol, name), name, opened)
    raise UsageError(f"{open_time!r} is not a time.", "Write it in UTC as listed: 2026-11-21T05:00.")


def _entity(symbol: str, dataset: str) -> str:
    return symbol if DATASETS[dataset].entity == "series" else parse_symbol(symbol)


def _symbols(text: str | None, followed: tuple[str, ...]) -> list[str] | None:
    """Those asked for, also ones that the home no longer follows; None for all, the series among them."""
    if text is None:
        return None
    if text.isascii() and text.isdecimal():
        return list(followed[: int(text)])
    return [parse_symbol(part) for part in text.split(",") if part.strip()]


def _named(case: "Case") -> dict[str, Any]:
    return {"symbol": case.symbol, "dataset": case.dataset, "open_time": case.open_time}


def _cell(cell: object) -> object:
    if isinstance(cell, datetime):
        return minute(cell)
    return "-" if cell is None else f"{cell:.10g}" if isinstance(cell, float) else cell
