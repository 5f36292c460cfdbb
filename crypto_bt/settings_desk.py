"""The settings of the desk's timetable: when the night begins, how old data and how long jobs may be."""

from datetime import date, datetime, time, timedelta
from typing import Final

from pydantic import Field

from crypto_bt.core.market import Timeframe
from crypto_bt.core.night import NIGHT_TIME
from crypto_bt.core.wholeness import AgeLimits
from crypto_bt.settings_night import NightSettings

#: So long after its start a night that was missed may still be computed, unless the settings say otherwise.
CATCH_UP_FOR: Final = timedelta(hours=5, minutes=30)
#: What the night's run does around the backtest itself: checks, publishing, the scorecard.
_AROUND_THE_NIGHT_MINUTES: Final = 30


class DeskSettings(NightSettings):
    """The desk's timetable; read and checked as part of :class:`crypto_bt.settings.Settings`."""

    BACKTEST_START_HOUR: int = Field(
        default=NIGHT_TIME.hour,
        ge=0,
        le=23,
        description="UTC hour at whose half the night begins: 23 means 23:30. Nothing later is known to it.",
    )
    BACKTEST_PERIOD_DAYS: int = Field(
        default=0,
        ge=0,
        le=36500,
        description="Days before a night that it is computed on; 0: all since HISTORY_START. Below 121 no "
        "day is left to test a choice of parameters on.",
    )
    BACKTEST_LOOKBACK_CANDLES: int = Field(
        default=250,
        ge=0,
        le=10_000,
        description="H4 candles before BACKTEST_PERIOD_DAYS on which strategies warm up.",
    )
    STALENESS_ALERT_THRESHOLD_H1_HOURS: float = Field(
        default=6, gt=0, le=8760, description="Age in hours from which H1 (and M15) candles are stale."
    )
    STALENESS_ALERT_THRESHOLD_H4_HOURS: float = Field(
        default=24, gt=0, le=8760, description="Age in hours from which H4 candles are stale."
    )
    STALENESS_ALERT_THRESHOLD_D1_DAYS: float = Field(
        default=7, gt=0, le=3650, description="Age in days from which D1 candles are stale."
    )
    HEALTH_PROBE_INTERVAL_SECONDS: int = Field(
        default=60, ge=30, le=3600, description="Seconds between two looks of the health probe."
    )
    DATA_UPDATE_TIMEOUT_MINUTES: int = Field(
        default=15, ge=1, le=1440, description="Minutes after which a scheduled update of data is stopped."
    )
    DATA_VALIDATION_TIMEOUT_MINUTES: int = Field(
        default=5, ge=1, le=1440, description="Minutes after which data_validation is stopped."
    )
    SENTIMENT_TIMEOUT_MINUTES: int = Field(
        default=10, ge=1, le=1440, description="Minutes after which sentiment_macro_update is stopped."
    )
    BACKUP_TIMEOUT_MINUTES: int = Field(
        default=20,
        ge=1,
        le=1440,
        description="Minutes after which a backup, a drill or the pruning of history is stopped.",
    )
    DIGEST_TIMEOUT_MINUTES: int = Field(
        default=5, ge=1, le=1440, description="Minutes after which the daily digest is stopped."
    )
    HISTORY_KEEP_DAYS: int = Field(
        default=90, ge=1, le=3650, description="Days of Dagster's runs, ticks and their output to keep."
    )

    @property
    def night_time(self) -> time:
        """The UTC time of day at which the night begins and beyond which it knows nothing."""
        return time(self.BACKTEST_START_HOUR, NIGHT_TIME.minute)

    @property
    def catch_up_window(self) -> str:
        """BACKTEST_CATCHUP_WINDOW, or what it is by default: from the night's start on."""
        begins = datetime.combine(date(2000, 1, 1), self.night_time)
        return self.BACKTEST_CATCHUP_WINDOW or f"{begins:%H:%M}-{begins + CATCH_UP_FOR:%H:%M}"

    @property
    def age_limits(self) -> AgeLimits:
        """How old the newest candle of each timeframe may be."""
        hourly = timedelta(hours=self.STALENESS_ALERT_THRESHOLD_H1_HOURS)
        return AgeLimits.within(
            {
                Timeframe.M15: hourly,
                Timeframe.H1: hourly,
                Timeframe.H4: timedelta(hours=self.STALENESS_ALERT_THRESHOLD_H4_HOURS),
                Timeframe.D1: timedelta(days=self.STALENESS_ALERT_THRESHOLD_D1_DAYS),
            }
        )

    def job_limit(self, job: str) -> timedelta:
        """How long a run of ``job`` may take; of the night it is the back-stop behind its own limit."""
        minutes = {
            "data_validation": self.DATA_VALIDATION_TIMEOUT_MINUTES,
            "sentiment_macro_update": self.SENTIMENT_TIMEOUT_MINUTES,
            "alert_digest": self.DIGEST_TIMEOUT_MINUTES,
            "nightly_backtest": self.BACKTEST_TIMEOUT_MINUTES + _AROUND_THE_NIGHT_MINUTES,
            **dict.fromkeys(
                ("backup", "backup_and_compact", "restore_drill", "prune_history"),
                self.BACKUP_TIMEOUT_MINUTES,
            ),
        }
        return timedelta(minutes=minutes.get(job, self.DATA_UPDATE_TIMEOUT_MINUTES))
