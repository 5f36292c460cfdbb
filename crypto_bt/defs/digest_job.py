"""The job alert_digest: writes the digest into the outbox, and keeps the outbox small."""

from typing import Any

import dagster as dg

from crypto_bt.core.alert_causes import severity_of
from crypto_bt.core.alerts import Alert
from crypto_bt.core.digest import write_digest
from crypto_bt.defs.digest_facts import gather_digest, night_picture
from crypto_bt.defs.jobs import Limits, limit_tags
from crypto_bt.defs.resources import Desk

NAME = "alert_digest"


# An op is shown with its own description: the job's is for the list of jobs.
@dg.op(
    name="write_digest",
    description="Read the state of data, night, alerts and disk, and put it into the outbox, once a day.",
)
def write_digest_op(context: dg.OpExecutionContext, desk: dg.ResourceParam[Desk]) -> None:
    """Write today's digest unless it was written; the sensor alert_outbox sends it."""
    new = queue_digest(desk)
    context.log.info("The digest waits in the outbox." if new else "Today's digest was written before.")
    desk.alerts.history.prune(desk.clock())


def queue_digest(desk: Desk) -> bool:
    """Put the digest of this day into the outbox; false when it was there."""
    now = desk.clock()
    facts = gather_digest(desk, now)
    digest = write_digest(facts)
    told = Alert(
        cause="digest",
        severity=severity_of("digest"),
        what=digest.plain,
        where=f"{now:%Y-%m-%d}",
        value="",
        limit="",
        since=now,
        command="",
    )
    picture = night_picture(desk, facts.night) if facts.night else None
    return desk.alerts.outbox.add_digest(told, digest.html, picture, now, f"digest:{now:%Y-%m-%d}")


def build_digest_job(limits: Limits) -> dg.JobDefinition:
    """The job; it needs no market data, and writes none."""

    @dg.job(
        name=NAME,
        tags=limit_tags(limits(NAME)),
        description="One screen for Telegram: freshness and coverage, last night's scorecard with its "
        "change, alerts by cause, disk; the equity curves as a picture.",
    )
    def job() -> Any:
        write_digest_op()

    return job
