"""``crypto-bt simulate``: the loopback exchange by itself."""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from crypto_bt.commands.homes import JsonOption
from crypto_bt.commands.loopback import LoopbackMarket
from crypto_bt.core.errors import UsageError
from crypto_bt.core.universe import UNIVERSE
from crypto_bt.runtime.home import Home


def simulate(
    seed: Annotated[int, typer.Option(help="Seed of the invented market.", min=0)] = 7,
    symbols: Annotated[int, typer.Option(help="How many symbols; 0: all.", min=0)] = 0,
    recorded: Annotated[Path | None, typer.Option(help="Serve the recorded market in this folder.")] = None,
    days: Annotated[int, typer.Option(help="Recorded market: the last N recorded days.", min=1)] = 30,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0: any free one.", min=0, max=65535)] = 8790,
    weight_limit: Annotated[
        int, typer.Option(help="Request weight a minute that is advertised and enforced.", min=1)
    ] = 2400,
    latency_ms: Annotated[
        int, typer.Option(help="Send every answer so many milliseconds late.", min=0, max=60_000)
    ] = 0,
    home: Annotated[
        Path | None, typer.Option(help="Serve the market that this demo home was made with.")
    ] = None,
    with_parent: Annotated[bool, typer.Option(hidden=True)] = False,
    as_json: JsonOption = False,
) -> None:
    """Serve a loopback exchange that speaks Binance's USD-M REST, until Ctrl-C.

    Example: crypto-bt simulate --seed 7 --port 8790
    """
    from crypto_bt.simulator.serving import serve

    market = (_market_of_home(home) if home else market_of(seed, symbols, recorded, days)).build()

    def ready(url: str) -> None:
        line = json.dumps({"url": url, "source": market.source, "symbols": len(market.symbols())})
        text = f"The loopback exchange ({market.source}) listens on {url}. Stop it with Ctrl-C."
        sys.stdout.write((line if as_json else text) + "\n")
        sys.stdout.flush()

    if with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    serve(market, port=port, weight_limit=weight_limit, on_ready=ready, latency_seconds=latency_ms / 1000)


def market_of(seed: int, symbols: int, recorded: Path | None, days: int) -> LoopbackMarket:
    """The market that a command's options describe; ``symbols`` 0 means all."""
    if recorded is not None:
        return LoopbackMarket(symbols, days, seed, str(recorded.resolve()))
    if symbols > len(UNIVERSE):
        raise UsageError(f"{symbols} symbols were asked for.", f"The invented market has {len(UNIVERSE)}.")
    return LoopbackMarket(symbols or len(UNIVERSE), days, seed)


def _market_of_home(home: Path) -> LoopbackMarket:
    market = LoopbackMarket.load(Home(home).market_file)
    if market is None:
        raise UsageError(f"{home} is not a demo home.", "Make one: crypto-bt demo, or leave --home out.")
    return market


def _end_with_parent() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)
