"""``crypto-bt alerts``: try the channels, see what was told, mute a cause, send again."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from crypto_bt.alerts import AlertOffice, open_alerts
from crypto_bt.commands.escalation import escalation
from crypto_bt.commands.homes import HomeOption, JsonOption, open_home
from crypto_bt.commands.output import UNWELL, Output, minute
from crypto_bt.core.alert_causes import CAUSES, PAGE
from crypto_bt.core.alert_routing import Batch, Item, Lane, Waiting
from crypto_bt.core.alert_text import compose
from crypto_bt.core.alert_troubles import Kind, Trouble
from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.errors import CryptoBtError, UsageError
from crypto_bt.core.rich_text import visible

app = typer.Typer(help="Alerts: try them, list, show, mute, send again.", no_args_is_help=True)
Named = Annotated[str, typer.Argument(metavar="ALERT", help="The id in the message, or how it begins.")]
CauseName = Annotated[
    str, typer.Argument(metavar="CAUSE", help="Such as gap_not_filled; alerts list shows it.")
]

app.command()(escalation)


@app.command("test")
def try_channels(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Send a message through every channel now, and say what became of it.

    Example: crypto-bt alerts test

    Exit code 3 when a channel did not take it, or Telegram is not set up.
    """
    office, out = _office(home), Output(as_json=as_json)
    trial = Alert(
        cause="test",
        severity=AlertSeverity.INFO,
        what="This is a test: alerts arrive here.",
        where="crypto-bt alerts test",
        value="",
        limit="",
        since=office.clock(),
        command="crypto-bt alerts list",
    )
    fates: dict[str, str] = {}
    for channel in office.channels:
        word = Waiting(0, Kind.RAISED, trial, office.clock())
        chats = dict.fromkeys(office.wiring.chats.values()) if channel.name == "telegram" else {}
        for chat in [*chats, *([] if chats and not office.wiring.chat else [""])]:
            message = compose(Batch(Lane.DIGEST, chat, (Item((word,)),)), office.wiring.ui_url)
            name = f"{channel.name} {chat}".strip()
            try:
                receipt = channel.send(message)
                fates[name] = f"sent {receipt}".strip()
            except CryptoBtError as error:
                fates[name] = f"FAILED: {error}"
    failed = any(fate.startswith("FAILED") for fate in fates.values())
    for name, fate in fates.items():
        out.say(f"{name}: {fate}", style="red" if fate.startswith("FAILED") else None)
    if office.wiring.missing:
        out.say(office.wiring.missing, style="yellow")
    out.result({"channels": fates, "missing": office.wiring.missing})
    if failed or office.wiring.missing:
        raise typer.Exit(UNWELL)


@app.command("list")
def list_(
    days: Annotated[float, typer.Option(help="What was told in so many days.", min=0, max=36_500)] = 7,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What stands, and what was told in the last days: when, how bad, where, and what became of it.

    Example: crypto-bt alerts list --days 1
    """
    office, out = _office(home), Output(as_json=as_json)
    history, now = office.history, office.clock()
    standing, mutes = history.standing(), history.mutes(now)
    words = history.words(now - timedelta(days=days))
    out.table(
        ["alert", "severity", "cause", "where", "stands since (UTC)", "times"],
        [_standing_row(trouble) for trouble in standing],
        title="Standing",
    )
    out.table(
        ["alert", "told (UTC)", "what", "cause", "where", "state"],
        [
            [
                word.alert.id,
                minute(word.created_at),
                str(word.kind),
                word.alert.cause,
                visible(word.alert.where, 60),
                ", ".join(f"{channel} {state}" for channel, (state, _) in word.deliveries.items())
                or "digest",
            ]
            for word in words
        ],
        title=f"Told in {days:g} days",
    )
    for cause, until in mutes.items():
        out.say(f"Muted: {cause} until {minute(until)} UTC", style="yellow")
    for state in history.channels():
        if state.failures:
            out.say(f"{state.name} failed {state.failures} times in a row: {state.error}", style="red")
    if office.wiring.missing:
        out.say(office.wiring.missing, style="yellow")
    out.result(
        {
            "standing": [_trouble_facts(trouble) for trouble in standing],
            "told": [
                {
                    "id": word.alert.id,
                    "at": word.created_at,
                    "kind": str(word.kind),
                    "severity": str(word.alert.severity),
                    "cause": word.alert.cause,
                    "where": word.alert.where,
                    "what": word.alert.what,
                    "deliveries": {name: fate[0] for name, fate in word.deliveries.items()},
                }
                for word in words
            ],
            "mutes": mutes,
            "queued": history.queued(),
            "missing": office.wiring.missing,
        }
    )


@app.command()
def show(alert: Named, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Everything about one alert: in full, how often, and what became of each message.

    Example: crypto-bt alerts show 1a2b3c4d5e
    """
    office, out = _office(home), Output(as_json=as_json)
    trouble = _found(office, alert)
    told = trouble.alert
    words = office.history.words(datetime(1, 1, 1, tzinfo=UTC), told.id)
    state = f"over since {minute(trouble.resolved_at)}" if trouble.resolved_at else "stands"
    out.say(f"Alert {told.id}: {told.severity} {visible(told.cause, 100)}, {state}", style="bold")
    for name in ("where", "what", "value", "limit", "doing", "command", "run"):
        if text := visible(getattr(told, name), 10_000):
            out.say(f"{name}: {text}")
    out.say(
        f"since: {minute(told.since)} UTC, reported {trouble.count} times, last {minute(trouble.last_at)} UTC"
    )
    if told.cause in CAUSES:
        out.say(f"{CAUSES[told.cause].about} See {PAGE}#{told.cause}")
    for word in words:
        for channel, (fate, reason) in word.deliveries.items():
            out.say(f"{minute(word.created_at)} {word.kind} {channel}: {fate} {reason}".rstrip())
    out.result(
        _trouble_facts(trouble)
        | {
            "told": [
                {"at": word.created_at, "kind": str(word.kind), "deliveries": word.deliveries}
                for word in words
            ]
        }
    )


@app.command()
def mute(
    cause: CauseName,
    hours: Annotated[float, typer.Option(help="For so many hours.", min=0.1, max=24 * 90)] = 6,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tell nobody of a cause for some hours; what still stands after them is told then.

    Example: crypto-bt alerts mute gap_not_filled --hours 6
    """
    office, out = _office(home), Output(as_json=as_json)
    known = {*CAUSES, *(trouble.alert.cause for trouble in office.history.standing())}
    if cause not in known:
        raise UsageError(f"There is no cause {cause!r}.", f"There are {', '.join(sorted(known))}.")
    until = office.clock() + timedelta(hours=hours)
    office.history.mute(cause, until)
    out.say(f"{cause} is muted until {minute(until)} UTC. End it: crypto-bt alerts unmute {cause}")
    out.result({"cause": cause, "until": until})


@app.command()
def unmute(cause: CauseName, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """End a mute; what stands is told with the next delivery.

    Example: crypto-bt alerts unmute gap_not_filled
    """
    office, out = _office(home), Output(as_json=as_json)
    if not office.history.unmute(cause):
        raise UsageError(f"{cause} is not muted.", "See what is: crypto-bt alerts list")
    out.say(f"{cause} is told again.")
    out.result({"cause": cause})


@app.command()
def resend(alert: Named, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Put the last word on an alert into the outbox again, for every channel.

    Example: crypto-bt alerts resend 1a2b3c4d5e
    """
    office, out = _office(home), Output(as_json=as_json)
    trouble = _found(office, alert)
    channels = office.history.resend(trouble.alert.id)
    out.say(f"Alert {trouble.alert.id} is sent again through {channels} channels.")
    out.result({"id": trouble.alert.id, "channels": channels})


def _office(home: Any) -> AlertOffice:
    settings = open_home(home)
    fixed = settings.FIXED_NOW
    return open_alerts(settings.CRYPTO_BT_HOME, settings.alert_wiring, lambda: fixed or datetime.now(UTC))


def _found(office: AlertOffice, identity: str) -> Trouble:
    trouble = office.history.trouble(identity)
    if trouble is None:
        raise UsageError(f"There is no alert {identity!r}.", "See them: crypto-bt alerts list")
    return trouble


def _standing_row(trouble: Trouble) -> list[object]:
    alert = trouble.alert
    where = visible(alert.where, 60)
    return [alert.id, str(alert.severity), alert.cause, where, minute(trouble.opened_at), trouble.count]


def _trouble_facts(trouble: Trouble) -> dict[str, object]:
    alert = trouble.alert
    return {
        "id": alert.id,
        "severity": str(alert.severity),
        **{
            name: getattr(alert, name)
            for name in ("cause", "what", "where", "value", "limit", "since", "doing", "command", "run")
        },
        "count": trouble.count,
        "opened_at": trouble.opened_at,
        "last_at": trouble.last_at,
        "resolved_at": trouble.resolved_at,
    }
