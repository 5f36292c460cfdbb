"""The trial ledger: every parameter set ever tried, so that luck in searching is counted honestly.

A figure that allows for the number of trials (:func:`crypto_bt.backtest.sharpe_inference.deflated_sharpe`) is
only as honest as that number. The ledger is a value with a file form, JSON lines of one night and strategy
each; this module makes and reads the bytes, the store writes them.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from crypto_bt.core.errors import BacktestError

_HASH_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Trials:
    """The parameter sets (by :func:`parameters_hash`, ascending, each once) that one night tried of one
    strategy. ``content``: of its code and files, "" where that is not known. Raises BacktestError for an
    empty one or hashes in another order."""

    night: date
    strategy: str
    hashes: tuple[str, ...]
    content: str = ""

    def __post_init__(self) -> None:
        if not self.hashes or list(self.hashes) != sorted(set(self.hashes)):
            raise BacktestError(
                f"{self.strategy} has {len(self.hashes)} trials on {self.night}, none or not ascending.",
                "Make them by trials_of.",
            )

    def to_json(self) -> str:
        """One line of the ledger's file."""
        values = {"night": self.night.isoformat(), "strategy": self.strategy, "parameters": self.hashes}
        if self.content:
            values["content"] = self.content
        return json.dumps(values, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class TrialLedger:
    """What was tried so far. ``damaged``: lines of the file that cannot be read; unless they are torn ones of
    nights that were recorded again, the count is too small."""

    records: tuple[Trials, ...] = ()
    damaged: int = 0

    def count(self, strategy: str | None = None, *, until: date | None = None) -> int:
        """Distinct trials of ``strategy``, or of all, in the nights up to ``until`` (inclusive).

        A parameter set tried again on another night is one trial; the same parameters in two strategies, or
        in two versions of one (another ``content``), are two. What was tried by a version that is not known
        counts as that of the first one that is.
        """
        first: dict[str, str] = {}
        for record in sorted(self.records, key=lambda record: record.night):
            if record.content:
                first.setdefault(record.strategy, record.content)
        return len(
            {
                (record.strategy, record.content or first.get(record.strategy, ""), tried)
                for record in self.records
                if (strategy is None or record.strategy == strategy)
                and (until is None or record.night <= until)
                for tried in record.hashes
            }
        )

    def with_trials(self, trials: Iterable[Trials]) -> "TrialLedger":
        """The ledger after ``trials``; what it already knows of a night changes nothing."""
        return TrialLedger((*self.records, *self._news(trials)), self.damaged)

    def _news(self, trials: Iterable[Trials]) -> list[Trials]:
        known: dict[tuple[date, str, str], set[str]] = {}
        for record in self.records:
            known.setdefault((record.night, record.strategy, record.content), set()).update(record.hashes)
        news = []
        for one in trials:
            before = known.setdefault((one.night, one.strategy, one.content), set())
            fresh = tuple(tried for tried in one.hashes if tried not in before)
            if fresh:
                news.append(Trials(one.night, one.strategy, fresh, one.content))
                before.update(fresh)
        return news


def parameters_hash(parameters: Mapping[str, Any]) -> str:
    """16 hexadecimal digits of a parameter set: everything that was varied, exits and costs too.

    Values are None, truth values, numbers, strings, sequences and mappings of these. The order of names does
    not count, and 1 is 1.0. Raises BacktestError for anything else.
    """
    text = json.dumps(_canonical(parameters), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]


def trials_of(night: date, strategy: str, tried: Iterable[Mapping[str, Any]], content: str = "") -> Trials:
    """The record of the parameter sets ``tried`` of one strategy in one night; copies count once. ``content``
    is the digest of its code and files: the same parameters of other code are another trial."""
    hashes = sorted({parameters_hash(parameters) for parameters in tried})
    return Trials(night, strategy, tuple(hashes), content[:_HASH_DIGITS])


def read_ledger(data: bytes) -> TrialLedger:
    """The ledger in the bytes of its file; lines that cannot be read are counted, never an error."""
    records, damaged = [], 0
    for line in data.split(b"\n"):
        if not line.strip():
            continue
        try:
            records.append(_record(json.loads(line)))
        except (ValueError, TypeError, KeyError, RecursionError, BacktestError):
            damaged += 1
    return TrialLedger(tuple(records), damaged)


def addition(data: bytes, trials: Iterable[Trials]) -> bytes:
    """What to append to the file with the bytes ``data`` so that it holds ``trials`` too.

    Empty where it holds them all, so that a night may be recorded again. A write that was cut off leaves a
    torn last line; the addition first ends that line, then says again what it lost: appending after any crash
    gives the ledger that an undisturbed write would have given.
    """
    news = read_ledger(data)._news(trials)
    if not news:
        return b""
    ends = b"" if not data or data.endswith(b"\n") else b"\n"
    return ends + b"".join(record.to_json().encode() + b"\n" for record in news)


def trials_counted(
    ledger: TrialLedger, tonight: Sequence[Trials], *, given: int | None = None, strategy: str | None = None
) -> int:
    """The number of trials that tonight's statistics allow for, which belongs in the stamp.

    ``given`` (the stamp's, in a replay) wins, so that a replay gives the same bytes whatever was tried since.
    Else the distinct trials of ``strategy``, or of all, in the ledger and ``tonight``; at least 1. Raises
    BacktestError for a given count below 1.
    """
    if given is not None:
        if given < 1:
            raise BacktestError(f"The number of trials given is {given}.", "Give 1 or more.")
        return given
    return max(1, ledger.with_trials(tonight).count(strategy))


def trials_in_doubt(ledger: TrialLedger, night: date, counted: Mapping[date, int]) -> tuple[int, str]:
    """The trials up to ``night``, and in a sentence what the ledger has lost of them; "" if nothing.

    ``counted`` are the trials that earlier nights counted, by night: as what was tried cannot become less,
    the largest of them counts where the ledger holds fewer.
    """
    held, doubts = ledger.count(until=night), []
    before = {one: number for one, number in counted.items() if one < night}
    most = max(before, key=lambda one: before[one], default=None)
    if ledger.damaged:
        doubts.append(f"{ledger.damaged:,} of its lines cannot be read")
    if most is not None and before[most] > held:
        doubts.append(
            f"it holds {held:,} trials, and the night of {most} counted {before[most]:,}, which count"
        )
    found = max(1, held, before[most] if most is not None else 0)
    return found, f"The trial ledger is damaged: {'; '.join(doubts)}." if doubts else ""


def _record(values: Any) -> Trials:
    hashes, strategy, content = values["parameters"], values["strategy"], values.get("content", "")
    if not isinstance(hashes, list) or not all(
        isinstance(text, str) for text in (strategy, content, *hashes)
    ):
        raise TypeError(f"{values} is not a line of the ledger")
    return Trials(date.fromisoformat(values["night"]), strategy, tuple(hashes), content)


def _canonical(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        whole = isinstance(value, int) or value.is_integer()
        return ["number", str(int(value)) if whole else repr(float(value))]
    if isinstance(value, Mapping):
        return {str(name): _canonical(held) for name, held in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return ["list", *(_canonical(held) for held in value)]
    raise BacktestError(
        f"A parameter is {value!r}, a {type(value).__name__}.", "Use numbers, strings, lists and mappings."
    )
