"""Finds the strategies: every file of this package that defines exactly one, and what others registered."""

import importlib
import pkgutil
from collections.abc import Collection, Mapping
from dataclasses import fields
from types import ModuleType
from typing import Any

from crypto_bt.core.errors import BacktestError
from crypto_bt.strategies.registered import Problem, load_registered, named, package_of, registered
from crypto_bt.strategies.strategy import Strategy

_NOT_STRATEGIES = frozenset(
    {"catalogue", "content", "exits", "expressions", "registered", "strategy", "template"}
)
_OPTIONAL = frozenset({"stop_loss", "take_profit"})


def strategy_names(package: ModuleType | None = None) -> list[str]:
    """Names of the strategies, sorted; their files are not imported.

    Without ``package``: the files of this one, and what installed packages registered under
    ``crypto_bt.strategies`` by a name of their own. A folder within a package is not looked into.
    """
    names = set(_file_names(package))
    return sorted(names if package else names | registered(names)[0].keys())


def strategy_classes(package: ModuleType | None = None) -> dict[str, type[Strategy]]:
    """Name to class of every strategy of :func:`strategy_names`, sorted by name.

    Raises :class:`BacktestError` for a file that fails, or defines no strategy, or more than one. What
    another package registered and cannot be loaded is left out: :func:`strategy_problems` names it.
    """
    found = {name: _only_strategy(_package(package), name) for name in _file_names(package)}
    if package is None:
        found |= _registered_classes(found.keys())[0]
    return dict(sorted(found.items()))


def strategy_problems() -> list[Problem]:
    """What other packages registered and cannot be used: a name that is taken or wrong, a broken package."""
    names = frozenset(_file_names(None))
    return [*registered(names)[1], *_registered_classes(names)[1]]


def build_strategy(
    name: str, parameters: Mapping[str, object] | None = None, package: ModuleType | None = None
) -> Strategy:
    """The strategy called ``name`` with ``parameters`` over its defaults.

    Raises :class:`BacktestError` for a name or a parameter that does not exist, a value of another kind, or
    a strategy that cannot be loaded.
    """
    cls = strategy_class(name, package)
    declared = {field.name: field.default for field in fields(cls)}
    given: dict[str, Any] = dict(parameters or {})
    unknown = [parameter for parameter in given if parameter not in declared]
    if unknown:
        raise BacktestError(
            f"{name} has no parameter {', '.join(map(repr, unknown))}.", f"It has: {', '.join(declared)}."
        )
    for parameter, value in given.items():
        given[parameter] = _like_default(name, parameter, value, declared[parameter])
    return cls(**given)


def strategy_class(name: str, package: ModuleType | None = None) -> type[Strategy]:
    """The class of the strategy called ``name``; raises :class:`BacktestError` as :func:`build_strategy`."""
    files = _file_names(package)
    if name in files:
        return _only_strategy(_package(package), name)
    found, problems = ({}, []) if package else registered(files)
    if name in found:
        return load_registered(found[name])
    for problem in problems:
        if problem.name == name:
            raise BacktestError(f"{problem}")
    names = sorted({*files, *found})
    raise BacktestError(f"There is no strategy {name!r}.", f"There are: {', '.join(names)}.")


def _file_names(package: ModuleType | None) -> list[str]:
    found = pkgutil.iter_modules(_package(package).__path__)
    return [module.name for module in found if not module.ispkg and module.name not in _NOT_STRATEGIES]


def _registered_classes(taken: Collection[str]) -> tuple[dict[str, type[Strategy]], list[Problem]]:
    classes, problems = {}, []
    for name, entry in registered(taken)[0].items():
        try:
            classes[name] = load_registered(entry)
        except BacktestError as error:
            problems.append(Problem(name, package_of(entry), str(error)))
    return classes, problems


def _package(package: ModuleType | None) -> ModuleType:
    return package or importlib.import_module("crypto_bt.strategies")


def _only_strategy(package: ModuleType, name: str) -> type[Strategy]:
    module_name = f"{package.__name__}.{name}"
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise BacktestError(f"The strategy file {name}.py fails: {type(error).__name__}: {error}.") from error
    defined = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, Strategy) and item.__module__ == module_name
    ]
    if len(defined) == 1:
        return named(defined[0], name)
    names = ", ".join(item.__name__ for item in defined) or "none"
    raise BacktestError(
        f"{module_name} defines {len(defined)} strategies ({names}).",
        "A file in strategies/ holds exactly one subclass of Strategy; the file's name is its name.",
    )


def _like_default(name: str, parameter: str, value: object, default: object) -> object:
    """``value`` if it is of the kind of ``default``; an int passes for a float."""
    kinds: tuple[type, ...] = (type(default),)
    if default is None or isinstance(default, float):
        kinds = (float, int)
    if parameter in _OPTIONAL:
        kinds += (type(None),)
    if isinstance(value, kinds) and (not isinstance(value, bool) or isinstance(default, bool)):
        return float(value) if isinstance(value, int) and float in kinds else value
    wanted = " or ".join("null" if kind is type(None) else kind.__name__ for kind in kinds)
    raise BacktestError(f"{name}: {parameter} is {value!r}.", f"It must be {wanted}.")
