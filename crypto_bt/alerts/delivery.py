"""From the outbox through the channels: lease, send, note what became of it."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crypto_bt.alerts.channel import Channel, MessageRefused, NotDelivered
from crypto_bt.alerts.leasing import Leased
from crypto_bt.alerts.outbox import Outbox
from crypto_bt.core.alert_routing import Lane
from crypto_bt.core.alert_text import Message, compose, compose_digest


@dataclass(slots=True)
class Deliveries:
    """What one pass has done: messages ``sent``, and what went wrong, by channel."""

    sent: int = 0
    troubles: dict[str, str] = field(default_factory=dict)


def deliver(
    outbox: Outbox,
    channels: Sequence[Channel],
    clock: Callable[[], datetime],
    ui_url: str,
    lanes: Collection[Lane] = tuple(Lane),
) -> Deliveries:
    """Send through each of ``channels`` what is due in ``lanes``; one that fails does not hold the others.

    Raises CryptoBtError when the outbox itself cannot be used.
    """
    done = Deliveries()
    for channel in channels:
        # One at a time: a lease lasts as long as one message may take, not as several.
        while leased := outbox.lease(channel.name, clock(), lanes, at_most=1):
            if not _send(outbox, channel, leased[0], clock, ui_url, done):
                break
    return done


def _send(
    outbox: Outbox,
    channel: Channel,
    leased: Leased,
    clock: Callable[[], datetime],
    ui_url: str,
    done: Deliveries,
) -> bool:
    """Send one message; whether the channel can go on."""
    try:
        receipt = channel.send(message_of(leased, ui_url))
    except MessageRefused as error:
        outbox.refused(leased.number, error.what)
        done.troubles[channel.name] = str(error)
        return True
    except NotDelivered as error:
        outbox.failed(leased.number, error.what, clock(), error.wait)
        done.troubles[channel.name] = str(error)
        return False
    outbox.delivered(leased.number, receipt, clock())
    done.sent += 1
    return True


def message_of(leased: Leased, ui_url: str) -> Message:
    """The message of a lease; runs are linked below ``ui_url``."""
    if leased.batch.lane is Lane.DIGEST:
        return compose_digest(leased.batch, leased.html, leased.picture)
    return compose(leased.batch, ui_url)
