"""Strategies of other packages: entry points of the group ``crypto_bt.strategies``."""

import inspect
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import new_class
from typing import Any, Final, cast

from crypto_bt.core.errors import BacktestError
from crypto_bt.strategies.strategy import Strategy

GROUP: Final = "crypto_bt.strategies"
#: A strategy's name is that of a file, a table's value and an option: nothing that needs quoting.
NAME_PATTERN: Final = re.compile(r"[a-z][a-z0-9_]{1,39}\Z")


@dataclass(frozen=True, slots=True)
class Problem:
    """What ``package`` registered as ``name`` and why it cannot be used."""

    name: str
    package: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} of {self.package} is left out: {self.reason}"


def registered(taken: Collection[str]) -> tuple[dict[str, EntryPoint], list[Problem]]:
    """What installed packages registered, by name, without importing it; and what has no usable name.

    A name is used once: one in ``taken`` (ours) or registered by two packages is nobody's, because which of
    them a night meant would depend on the order of folders.
    """
    entries = sorted(set(entry_points(group=GROUP)), key=lambda entry: (entry.name, package_of(entry)))
    found: dict[str, EntryPoint] = {}
    problems: list[Problem] = []
    for entry in entries:
        others = [package_of(other) for other in entries if other.name == entry.name and other != entry]
        if not NAME_PATTERN.match(entry.name):
            reason = f"{entry.name!r} is no name for a strategy. Use 2 to 40 of a-z, 0-9 and _."
        elif entry.name in taken:
            reason = "crypto_bt has a strategy of that name. Register it by another."
        elif others:
            reason = f"{', '.join(others)} registers that name too. Rename one of them."
        else:
            found[entry.name] = entry
            continue
        problems.append(Problem(entry.name, package_of(entry), reason))
    return found, problems


def load_registered(entry: EntryPoint) -> type[Strategy]:
    """The class behind ``entry``, named as it is registered; raises :class:`BacktestError` if broken."""
    whose = f"The strategy {entry.name} of {package_of(entry)} ({entry.value})"
    try:
        loaded: Any = entry.load()
    except Exception as error:
        raise BacktestError(f"{whose} fails to load: {type(error).__name__}: {error}.") from error
    if not (isinstance(loaded, type) and issubclass(loaded, Strategy)):
        raise BacktestError(
            f"{whose} is {loaded!r}.",
            "Register a subclass of crypto_bt.strategies.Strategy, or a function under @bar_by_bar.",
        )
    if inspect.isabstract(loaded):
        missing = ", ".join(sorted(loaded.__abstractmethods__))
        raise BacktestError(f"{whose} does not define {missing}.", "Every strategy has them.")
    try:
        loaded()
    except Exception as error:
        raise BacktestError(
            f"{whose} cannot be built without arguments: {type(error).__name__}: {error}.",
            "Give every parameter a default.",
        ) from error
    return named(loaded, entry.name)


def package_of(entry: EntryPoint) -> str:
    """Name and version of the distribution that registered ``entry``."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


@cache
def named(cls: type[Strategy], name: str) -> type[Strategy]:
    """``cls`` if that is its name, else a subclass that has it; ``cls`` itself is never changed."""
    if isinstance(getattr(cls, "name", None), property) and cls.__module__.rpartition(".")[2] == name:
        return cls
    if cls.__dict__.get("name") == name:
        return cls
    body = {
        "name": name,
        "__doc__": cls.__doc__,
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
    }
    return cast(type[Strategy], new_class(cls.__name__, (cls,), exec_body=lambda space: space.update(body)))
