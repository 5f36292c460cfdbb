"""Finds the strategies: every file of this package that defines exactly one."""

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import fields
from types import ModuleType
from typing import Any

from crypto_bt.core.errors import BacktestError
from crypto_bt.strategies.strategy import Strategy

_NOT_STRATEGIES = frozenset({"catalogue", "strategy"})
_OPTIONAL = frozenset({"stop_loss", "take_profit"})


def strategy_names(package: ModuleType | None = None) -> list[str]:
    """Names of the strategies in ``package`` (default: this one), sorted; their files are not imported."""
    found = pkgutil.iter_modules(_package(package).__path__)
    return sorted(module.name for module in found if module.name not in _NOT_STRATEGIES)


def strategy_classes(package: ModuleType | None = None) -> dict[str, type[Strategy]]:
    """Name to class of every strategy in ``package`` (default: this one), sorted by name.

    Raises :class:`BacktestError` for a file that fails, or defines no strategy, or more than one.
    """
    return {name: _only_strategy(_package(package), name) for name in strategy_names(package)}


def build_strategy(
    name: str, parameters: Mapping[str, object] | None = None, package: ModuleType | None = None
) -> Strategy:
    """The strategy called ``name`` with ``parameters`` over its defaults.

    Raises :class:`BacktestError` for a name or a parameter that does not exist, or a value of another kind.
    """
    names = strategy_names(package)
    if name not in names:
        raise BacktestError(f"There is no strategy {name!r}.", f"There are: {', '.join(names)}.")
    cls = _only_strategy(_package(package), name)
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
        return defined[0]
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
