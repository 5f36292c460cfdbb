"""What a night is to compute: written as JSON by the parent, read by ``python -m crypto_bt.night``."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any

from crypto_bt.backtest.gates import Gate, Gates
from crypto_bt.backtest.rules import Costs
from crypto_bt.core.errors import BacktestError
from crypto_bt.core.market import Timeframe


@dataclass(frozen=True, slots=True)
class WalkForwardPlan:
    """Lengths in days of :func:`crypto_bt.backtest.walk_forward.windows`."""

    train: int = 90
    test: int = 30
    step: int = 15
    anchored: bool = False
    purge: int = 1
    embargo: int = 0


@dataclass(frozen=True)
class NightSpec:
    """``store`` is the store's folder and ``snapshot`` the id to read; only candles closed by ``cutoff`` (and
    opened at ``history_start`` or later) count. ``strategies`` maps name to the parameters that differ from
    the defaults; ``left_out`` maps symbol to reason. ``execution`` is the timeframe that is traded on,
    ``liquidity`` the size of the point-in-time universe. ``trials`` is how many parameter sets were ever
    tried, this night's included (None: only this night's), ``trials_doubt`` what is wrong with that number
    (a sentence, "" for nothing). ``seed`` is that of the resampling.
    A strategy that takes more than ``strategy_seconds`` or ``memory_mb`` to evaluate is stopped.
    ``code_version``, if given, must be the child's own."""

    store: str
    snapshot: str
    night: date
    cutoff: datetime
    symbols: tuple[str, ...]
    strategies: Mapping[str, Mapping[str, Any]]
    left_out: Mapping[str, str] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)
    walk_forward: WalkForwardPlan = field(default_factory=WalkForwardPlan)
    gates: Gates = field(default_factory=Gates)
    execution: Timeframe = Timeframe.H1
    initial_capital: float = 10_000.0
    liquidity: int = 30
    trials: int | None = None
    trials_doubt: str = ""
    seed: int = 7
    threads: int = 1
    benchmark: str = "buy_and_hold"
    history_start: datetime | None = None
    strategy_seconds: float = 1_800.0
    memory_mb: float = 500.0
    code_version: str | None = None

    def to_json(self) -> str:
        """As text for :meth:`from_json`."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        for name in ("costs", "walk_forward", "gates"):
            values[name] = asdict(values[name])
        values["night"], values["cutoff"] = self.night.isoformat(), self.cutoff.isoformat()
        values["history_start"] = self.history_start.isoformat() if self.history_start else None
        return json.dumps(values, sort_keys=True, indent=1, default=_plain)

    @classmethod
    def from_json(cls, text: str) -> "NightSpec":
        """The spec in ``text``; raises :class:`BacktestError` naming what is missing, unknown or wrong."""
        try:
            values: dict[str, Any] = json.loads(text)
            unknown = sorted(values.keys() - cls.__dataclass_fields__.keys())
            if unknown:
                raise BacktestError(f"The night's spec has unknown fields: {', '.join(unknown)}.")
            values["night"] = date.fromisoformat(values["night"])
            values["cutoff"] = _moment("cutoff", values["cutoff"])
            if values.get("history_start"):
                values["history_start"] = _moment("history_start", values["history_start"])
            parts = {"costs": Costs, "walk_forward": WalkForwardPlan, "execution": Timeframe}
            for name, kind in parts.items():
                if name in values:
                    given = values[name]
                    values[name] = kind(**given) if isinstance(given, dict) else kind(given)
            if "gates" in values:
                values["gates"] = Gates(**{name: Gate(**gate) for name, gate in values["gates"].items()})
            values["symbols"] = tuple(sorted(values["symbols"]))
            return cls(**values)
        except KeyError as error:
            raise BacktestError(f"The night's spec has no field {error}.") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise BacktestError(f"The night's spec cannot be read: {error}.") from error


def _moment(name: str, text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise BacktestError(
            f"The night's spec has {name} {text!r} without a timezone.", "Write it with +00:00."
        )
    return moment


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no place in a spec")
