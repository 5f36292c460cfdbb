"""The settings as a page: by class, with default, what is allowed, and meaning."""

from datetime import date, datetime
from typing import Any, Final

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from crypto_bt.settings import Settings, default_text
from crypto_bt_tests.documents.pages import table

_WORDS: Final = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}


def settings() -> str:
    """Every setting, the general ones first."""
    rest = [each for each in Settings.__mro__ if issubclass(each, BaseSettings)]
    groups = [each for each in rest if each not in (Settings, BaseSettings)]
    inherited = {name for each in groups for name in each.model_fields}
    parts = [_group("General", "", [name for name in Settings.model_fields if name not in inherited])]
    for each in groups:
        about = " ".join((each.__doc__ or "").split(";")[0].split()).rstrip(".")
        title = each.__name__.removesuffix("Settings")
        parts.append(_group(title, f"{about}.", list(each.model_fields)))
    return "\n\n".join(parts)


def _group(title: str, about: str, names: list[str]) -> str:
    rows = [[f"`{name}`", *_cells(name)] for name in names]
    shown = table(["setting", "default", "allowed", "meaning"], rows)
    return "\n\n".join(part for part in (f"### {title}", about, shown) if part)


def _cells(name: str) -> list[str]:
    field = Settings.model_fields[name]
    default = str(int(field.default)) if isinstance(field.default, bool) else default_text(field.default)
    return [f"`{default}`" if default else "empty", _allowed(field), field.description or ""]


def _allowed(field: Any) -> str:
    kinds = str(field.annotation)
    bounds = [
        word.format(f"{value:g}")
        for key, word in _WORDS.items()
        for mark in field.metadata
        if (value := getattr(mark, key, None)) is not None
    ]
    if bounds:
        return " ".join(bounds)
    if field.annotation is bool:
        return "0 or 1"
    if SecretStr.__name__ in kinds:
        return "a secret"
    if field.annotation in (date, date | None):
        return "a day, such as 2026-01-01"
    if field.annotation in (datetime, datetime | None):
        return "a UTC moment"
    return (
        "a list"
        if "tuple" in kinds
        else "a path"
        if "Path" in kinds
        else "a number"
        if "float" in kinds
        else "text"
    )
