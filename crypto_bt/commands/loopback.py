"""The loopback market that a demo home belongs to, and the process that serves it."""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from crypto_bt.core.errors import UsageError
from crypto_bt.core.universe import UNIVERSE
from crypto_bt.runtime.home import Home, write_privately
from crypto_bt.settings import Settings

if TYPE_CHECKING:
    from crypto_bt.simulator.market import Market
    from crypto_bt.simulator.recorded import RecordedMarket

#: Weight a minute that a demo's exchange advertises: five times the real one, so that nobody waits.
DEMO_WEIGHT_LIMIT: Final = 12_000


@dataclass(frozen=True, slots=True)
class LoopbackMarket:
    """Enough to serve the same market again: a seed, or a folder of recordings."""

    symbols: int
    days: int
    seed: int = 7
    recorded: str | None = None

    def build(self) -> "Market":
        """The market itself; raises UsageError when the recordings are missing or too few."""
        if self.recorded is not None:
            return self.recording()
        from crypto_bt.simulator.synthetic import SyntheticMarket

        return SyntheticMarket(self.seed, UNIVERSE[: self.symbols])

    def recording(self) -> "RecordedMarket":
        """The recorded market; ``symbols`` 0 means all that have every timeframe."""
        from crypto_bt.simulator.recorded import RecordedMarket

        return RecordedMarket(Path(str(self.recorded)), symbols=self.symbols or None, days=self.days)

    def save(self, path: Path) -> None:
        """Keep this description in a home."""
        write_privately(path, json.dumps(asdict(self)) + "\n")

    @classmethod
    def load(cls, path: Path) -> "LoopbackMarket | None":
        """The description kept in a home; None if the home's market is the real exchange."""
        if not path.is_file():
            return None
        try:
            found = cls(**json.loads(path.read_text()))
            if not all(isinstance(n, int) for n in (found.symbols, found.days, found.seed)):
                raise ValueError("symbols, days and seed must be whole numbers")
            return found
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"{path} cannot be read: {error}.", f"Remove {path.parent} and run the demo again."
            ) from error


@contextmanager
def served(market: LoopbackMarket, port: int = 0, weight_limit: int = DEMO_WEIGHT_LIMIT) -> Iterator[str]:
    """Serve ``market`` in a process of its own while the block runs; yields the address.

    The process ends with the block, and by itself when its standard input closes, so that it never
    outlives whoever started it.
    """
    command = [sys.executable, "-m", "crypto_bt", "simulate", "--json", "--with-parent"]
    command += [*_arguments(market), "--port", str(port), "--weight-limit", str(weight_limit)]
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            start_new_session=True,
        )  # fmt: skip
        try:
            ready = process.stdout.readline() if process.stdout else ""
            if not ready:
                process.wait(timeout=10)
                errors.seek(0)
                said = errors.read().strip().removeprefix("crypto-bt: ")
                raise UsageError(said or "The loopback exchange did not start.")
            yield str(json.loads(ready)["url"])
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=10)
            process.kill()


@contextmanager
def reachable(settings: Settings) -> Iterator[Settings]:
    """``settings`` with an exchange that answers: a demo home's own is served while the block runs."""
    market = LoopbackMarket.load(Home(settings.CRYPTO_BT_HOME).market_file)
    if market is None:
        yield settings
        return
    with served(market) as url:
        yield settings.model_copy(update={"EXCHANGE_URL": url})


def _arguments(market: LoopbackMarket) -> Sequence[str]:
    chosen = ["--symbols", str(market.symbols)] if market.symbols else []
    if market.recorded is not None:
        return ["--recorded", market.recorded, "--days", str(market.days), *chosen]
    return ["--seed", str(market.seed), *chosen]
