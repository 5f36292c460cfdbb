"""Every cause of an alert: how bad it is, and what it means. The table in docs/alerts.md repeats this one."""

from dataclasses import dataclass
from typing import Final

from crypto_bt.core.alerts import AlertSeverity

#: The page whose headings are the causes' names.
PAGE: Final = "docs/alerts.md"
_CRITICAL, _WARNING, _INFO = AlertSeverity.CRITICAL, AlertSeverity.WARNING, AlertSeverity.INFO


@dataclass(frozen=True, slots=True)
class Cause:
    """A kind of trouble: its ``severity`` at worst, and what it is ``about`` in one sentence."""

    severity: AlertSeverity
    about: str


#: By name. A check that only warns makes at most a warning of its cause.
CAUSES: Final[dict[str, Cause]] = {
    "data_age": Cause(_CRITICAL, "Candles are too old: H1 over 6 h, H4 over 24 h, D1 over 7 days."),
    "feed_age": Cause(_WARNING, "A feed that is no candle, or one of its series, is late."),
    "coverage": Cause(_WARNING, "Too few symbols are whole: the night does not run."),
    "continuity": Cause(_WARNING, "More than 2 candles in a row are missing in the look-back."),
    "ohlc_sanity": Cause(_CRITICAL, "Stored prices or volumes are impossible."),
    "quarantine": Cause(_WARNING, "Refused rows were not replaced by good ones."),
    "revisions": Cause(_WARNING, "The exchange changed candles that were already stored."),
    "timeframe_consistency": Cause(_WARNING, "Finer candles do not add up to the coarser ones."),
    "source_agreement": Cause(_WARNING, "Two sources of one figure disagree."),
    "listing": Cause(_WARNING, "A followed symbol is no longer traded."),
    "gates": Cause(_WARNING, "A strategy got no verdict, or fell from promote."),
    "no_lookahead": Cause(_CRITICAL, "A strategy's targets change when the days after them are taken away."),
    "warm_up": Cause(_WARNING, "A strategy declares too short a warm-up."),
    "drift": Cause(_WARNING, "Days that the night before knew too came out otherwise, or returns changed."),
    "trial_ledger": Cause(_WARNING, "The count of parameter sets ever tried has lost some of them."),
    "check_failed": Cause(_WARNING, "An asset check failed that has no cause of its own."),
    "gap_not_filled": Cause(_WARNING, "Catch-up has given up filling a gap."),
    "run_failed": Cause(_WARNING, "A run failed; its retries are told only when the last one is done."),
    "freshness": Cause(_INFO, "An asset was not updated as often as it should be."),
    "store_damaged": Cause(_CRITICAL, "Stored bytes are not what their name promises."),
    "daemon_dead": Cause(_CRITICAL, "Dagster's daemon is dead: no schedule and no sensor works."),
    "webserver_dead": Cause(_CRITICAL, "The web UI is dead."),
    "code_server_dead": Cause(_CRITICAL, "The process that holds our code for Dagster is dead."),
    "was_down": Cause(_WARNING, "Nothing ran for a while, and nobody had stopped it."),
    "stalled": Cause(_CRITICAL, "A process makes no progress, or gives no sign of life."),
    "crash_loop": Cause(_CRITICAL, "A process ended again and again, and is not started any more."),
    "backtest_crashes": Cause(
        _CRITICAL, "The nightly backtest crashed three times in 24 hours, and is paused."
    ),
    "live_trader": Cause(_CRITICAL, "The live trader died or suffered; the nightly backtest is paused."),
    "hang_restarted": Cause(_WARNING, "A process hung and was started again."),
    "many_errors": Cause(_WARNING, "More than 5 errors in an hour."),
    "health": Cause(_CRITICAL, "The system is not healthy."),
    "late_start": Cause(_WARNING, "No run of a job has begun though its schedule was due."),
    "job_late": Cause(_WARNING, "A job has not ended by its time."),
    "isolation": Cause(_WARNING, "The nightly backtest ran without its isolation."),
    "backup": Cause(_WARNING, "A backup failed, is late, or does not verify."),
    "restore_drill": Cause(_CRITICAL, "A backup could not be restored in the drill."),
    "disk": Cause(_WARNING, "The disk is nearly full."),
    "outbox_damaged": Cause(_CRITICAL, "The alerts' own database was damaged, and begun anew."),
    "test": Cause(_INFO, "A person tries whether alerts arrive."),
    "digest": Cause(_INFO, "What happened in the last day, at 04:00 UTC."),
}


def severity_of(cause: str) -> AlertSeverity:
    """How bad ``cause`` is at worst; one that the table does not know is a warning."""
    return CAUSES[cause].severity if cause in CAUSES else AlertSeverity.WARNING
