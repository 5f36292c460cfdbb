"""``crypto-bt status``: is the data fresh and whole, and how old is the last night?"""

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crypto_bt.commands.health_view import health_told, watch_health
from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import UNWELL, Output, minute
from crypto_bt.core.datasets import SERIES_DATASETS
from crypto_bt.core.holds import NIGHT
from crypto_bt.core.quality import coverage_of, data_age
from crypto_bt.core.verdict import Verdict, not_loaded
from crypto_bt.core.wholeness import hours
from crypto_bt.settings import settings_notices

if TYPE_CHECKING:
    from crypto_bt.core.alerts import Alert
    from crypto_bt.defs.resources import Desk


def status(
    home: HomeOption = None,
    as_json: JsonOption = False,
    watch: Annotated[bool, typer.Option(help="Show the system's health, live, until Ctrl-C.")] = False,
) -> None:
    """Freshness and coverage of every feed, health, alerts, the last night; what is wrong and what mends it.

    Example: crypto-bt status --home data/demo

    Exit code 0 when all is well, 3 when something is not, or nothing is loaded yet.
    """
    from crypto_bt.defs.resources import Desk
    from crypto_bt.defs.upkeep import switched_off, upkeep

    desk = Desk.open(open_home(home))
    if watch:
        watch_health(desk, as_json=as_json)
        return
    now = desk.clock()
    out = Output(as_json=as_json)
    verdicts = _verdicts(desk, now)
    night = _night(desk, now)
    current = desk.store.current()
    feeds = feed_verdicts(desk, now)
    alerts = standing_alerts(desk)
    wrong = [verdict.text for pair in verdicts.values() for verdict in pair if not verdict.passed]
    wrong += [verdict.text for verdict in feeds.values() if not verdict.passed]
    wrong += [f"{alert.what} {alert.command}" for alert in alerts]
    wrong += channel_troubles(desk)
    off = switched_off(desk)
    wrong += [night["text"]] if night["stale"] and NIGHT not in off else []
    kept = upkeep(desk, now)
    wrong += kept["wrong"]
    health = health_told(desk)
    wrong += health["wrong"]
    missing = desk.alerts.wiring.missing
    out.say(f"Home {desk.home.root}, {minute(now)} UTC" + (" (clock stands still)" if _stands(desk) else ""))
    if current is None:
        out.say(not_loaded(now).at_home(desk.settings.home_option).text)
    else:
        out.say(f"Snapshot {current.id} of {current.source}, published {minute(current.published_at)} UTC")
        out.table(
            ["timeframe", "age (h)", "whole", "of", "well"],
            [
                [
                    name,
                    age.figures.get("data_age_hours", "-"),
                    whole.figures["whole"],
                    whole.figures["symbols"],
                    "yes" if age.passed and whole.passed else "NO",
                ]
                for name, (age, whole) in verdicts.items()
            ],
        )
        out.table(
            ["feed", "newest (UTC)", "age (h)", "limit (h)", "well"],
            [_feed_row(name, verdict, now) for name, verdict in feeds.items()],
        )
    if not night["stale"] or NIGHT in off:
        out.say(night["text"])
    for text in (*off.values(), *settings_notices(desk.home.root)):
        out.say(text)
    for line in (*health["lines"], *kept["lines"]):
        out.say(line)
    for text in wrong:
        out.say(text, style="yellow")
    if missing:
        out.say(missing)
    out.result(
        {
            "home": desk.home.root,
            "now": now,
            "source": current.source if current else None,
            "snapshot": current.id if current else None,
            "well": current is not None and not wrong,
            "timeframes": {
                name: {**age.figures, **whole.figures, "well": age.passed and whole.passed}
                for name, (age, whole) in verdicts.items()
            },
            "feeds": {
                name: {**verdict.figures, "well": verdict.passed, "text": verdict.text}
                for name, verdict in feeds.items()
            },
            "alerts": [json.loads(alert.to_json()) for alert in alerts],
            "telegram": "not set up" if missing else "set up",
            "night": night,
            "off": off,
            "health": {key: value for key, value in health.items() if key not in ("lines", "wrong")},
            "upkeep": {key: value for key, value in kept.items() if key not in ("lines", "wrong")},
            "wrong": wrong,
        }
    )
    if wrong or current is None:
        raise typer.Exit(UNWELL)


def _feed_row(name: str, verdict: Verdict, now: datetime) -> list[object]:
    """A line of the table; of several series the one that is nearest to its limit speaks for all."""
    well = "yes" if verdict.passed else "NO"
    if "data_age_hours" not in verdict.figures:
        return [name, "-", "-", "-", well]
    age, limit = (verdict.figures[key] for key in ("data_age_hours", "limit_hours"))
    nearest = [row["symbol"] for row in verdict.table if row["judgement"] != "missing"][:1]
    whose = f"{name} ({nearest[0]})" if name in SERIES_DATASETS and nearest != [name] else name
    return [whose, minute(now - timedelta(hours=age)), f"{age:.1f}", f"{limit:.0f}", well]


def _verdicts(desk: "Desk", now: datetime) -> dict[str, tuple[Verdict, Verdict]]:
    from crypto_bt.defs.judgement import judge_dataset

    current = desk.store.current()
    if current is None:
        return {}
    found = {}
    for timeframe in desk.settings.TIMEFRAMES:
        closes = [item.last + timeframe.delta for item in current.of(timeframe.dataset)]
        judgement = judge_dataset(desk, timeframe, current.id, now)
        found[str(timeframe)] = (
            data_age(timeframe, max(closes, default=None), now, ages=desk.settings.age_limits).at_home(
                desk.settings.home_option
            ),
            coverage_of(timeframe, judgement.symbols, now, desk.settings.COVERAGE_MINIMUM).at_home(
                desk.settings.home_option
            ),
        )
    return found


def feed_verdicts(desk: "Desk", now: datetime) -> dict[str, Verdict]:
    """The age of every feed that is no candle."""
    from crypto_bt.defs.feed_checks import AGE_CHECKS

    current = desk.store.current()
    if current is None:
        return {}
    return {
        name: decide(desk, current.id, now).at_home(desk.settings.home_option)
        for name, decide in AGE_CHECKS.items()
    }


def standing_alerts(desk: "Desk") -> "list[Alert]":
    """The troubles that stand, without those that the digest alone tells."""
    from crypto_bt.core.alerts import AlertSeverity

    told = [trouble.alert for trouble in desk.alerts.history.standing()]
    return [alert for alert in told if alert.severity is not AlertSeverity.INFO]


def channel_troubles(desk: "Desk") -> list[str]:
    """Why alerts do not arrive, by channel."""
    return [
        f"Alerts do not arrive by {state.name}, {state.failures} failures in a row: {state.error}"
        for state in desk.alerts.history.channels()
        if state.failures > 1
    ]


def _night(desk: "Desk", now: datetime) -> dict[str, Any]:
    from crypto_bt.defs.published_files import read_latest

    latest = read_latest(desk.results.root)
    if latest is None:
        return {"night": None, "stale": None, "text": "No night has run yet."}
    cutoff = datetime.fromisoformat(latest["stamp"]["cutoff"])
    stale = latest["stale"]
    text = f"Last night: {latest['night']}, its data ends {minute(cutoff)} UTC, {hours(now - cutoff)} ago."
    if stale:
        text += f" The night of {stale['night']} did not replace it: {stale['reason']}"
    return {"night": latest["night"], "stale": stale, "text": text}


def _stands(desk: "Desk") -> bool:
    return desk.settings.FIXED_NOW is not None
