"""What Dagster is told, as a page: assets, checks, jobs, schedules, sensors."""

from functools import cache
from pathlib import Path
from typing import Any, Final

import dagster as dg
from pydantic import SecretStr

from crypto_bt.defs.build import build_definitions
from crypto_bt.defs.resources import Desk
from crypto_bt.settings import Settings
from crypto_bt_tests.documents.pages import table

#: The groups as the data flows.
GROUPS: Final = ("candles", "market", "sentiment", "macro", "features", "backtest", "operations")


@cache
def repository() -> dg.RepositoryDefinition:
    """The definitions with everything on that a setting can switch on."""
    settings = Settings.model_construct(
        LIVE_TRADES_DIR=Path("trades"),
        TELEGRAM_COMMANDS=True,
        TELEGRAM_BOT_TOKEN=SecretStr("1:telegram"),
        TELEGRAM_CHAT_ID="1",
    )
    return build_definitions(Desk.open(settings)).get_repository_def()


def asset_names() -> list[str]:
    """Every asset, as the data flows."""
    return [node.key.to_user_string() for node in _assets()]


def check_names() -> list[tuple[str, str]]:
    """Every check as (asset, name), as the data flows."""
    keys = repository().asset_graph.asset_check_keys
    places = {name: place for place, name in enumerate(asset_names())}
    found = [(key.asset_key.to_user_string(), key.name) for key in keys]
    return sorted(found, key=lambda check: (places[check[0]], check[1]))


def assets() -> str:
    """Every asset by group."""
    rows = [
        [
            f"`{node.key.to_user_string()}`",
            node.group_name or "",
            node.description or "",
            ", ".join(f"`{name}`" for name in sorted(key.to_user_string() for key in node.parent_keys))
            or "-",
        ]
        for node in _assets()
    ]
    return table(["asset", "group", "what it is", "made of"], rows)


def checks() -> str:
    """Every check, those with the same words on several assets in one row."""
    graph = repository().asset_graph
    same: dict[tuple[str, str], list[str]] = {}
    for asset, name in check_names():
        node: Any = graph.get(dg.AssetCheckKey(dg.AssetKey(asset), name))
        same.setdefault((name, node.description or ""), []).append(f"`{asset}`")
    rows = [[f"`{name}`", ", ".join(on), text] for (name, text), on in same.items()]
    return table(["check", "on", "passes when"], rows)


def jobs() -> str:
    """Every job that has a name of ours."""
    found = sorted(repository().get_all_jobs(), key=lambda job: job.name)
    rows = [[f"`{job.name}`", job.description or ""] for job in found if not job.name.startswith("__")]
    return table(["job", "what it does"], rows)


def schedules() -> str:
    """Every schedule by its time."""
    found = sorted(repository().schedule_defs, key=lambda each: each.name)
    rows = [[f"`{each.name}`", f"`{each.cron_schedule}`", each.description or ""] for each in found]
    return table(["schedule", "cron, UTC", "what it starts"], rows)


def sensors() -> str:
    """Every sensor."""
    found = sorted(repository().sensor_defs, key=lambda each: each.name)
    return table(["sensor", "what it does"], [[f"`{each.name}`", each.description or ""] for each in found])


def _assets() -> list[Any]:
    graph = repository().asset_graph
    order = {key: place for place, key in enumerate(graph.toposorted_asset_keys)}
    nodes = [graph.get(key) for key in order]
    known = {name: place for place, name in enumerate(GROUPS)}
    return sorted(nodes, key=lambda node: (known[node.group_name or ""], order[node.key]))
