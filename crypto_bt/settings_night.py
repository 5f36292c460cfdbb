"""The settings of the night's process: whether it runs, its limits, and the live trader beside it."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, NoDecode


class NightSettings(BaseSettings):
    """How a night may run; read and checked as part of :class:`crypto_bt.settings.Settings`."""

    BACKTEST_ENABLED: bool = Field(
        default=True, description="0 switches the nightly backtest off, also in the middle of one."
    )
    BACKTEST_TIMEOUT_MINUTES: int = Field(
        default=120, ge=1, le=1440, description="Minutes after which a nightly backtest is stopped."
    )
    BACKTEST_STRATEGY_TIMEOUT_MINUTES: float = Field(
        default=30.0, gt=0, le=1440, description="Minutes that one strategy's signals may take."
    )
    BACKTEST_MEMORY_MB: int = Field(
        default=500, ge=100, description="Memory of a nightly backtest, all its processes together, in MB."
    )
    BACKTEST_AFFINITY: Annotated[tuple[int, ...], NoDecode] = Field(
        default=(), description="Processors of the nightly backtest, such as 0,1; empty: all."
    )
    BACKTEST_CATCHUP_WINDOW: str = Field(
        default="",
        pattern=r"^(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?$",
        description="UTC hours in which a missed or failed night is computed; outside of them it is skipped. "
        "Empty: five and a half hours from BACKTEST_START_HOUR on, 23:30-05:00.",
    )
    LIVE_TRADING_PIDFILE: Path | None = Field(
        default=None,
        description="Pid file of the live trader; the backtest stops while that process is not well.",
    )
    LIVE_TRADES_DIR: Path | None = Field(
        default=None,
        description="Folder watched for files of live trades, which are compared with the last night's.",
    )
    LIVE_TRADING_FRESH_SECONDS: float = Field(
        default=0.0, ge=0, description="How often the trader touches its pid file, in seconds; 0: never."
    )
    HEALTH_MEMORY_MB: int = Field(
        default=1500,
        ge=100,
        description="Memory of all processes of a home above which it is degraded, in MB.",
    )
    HEALTH_ERRORS_PER_HOUR: int = Field(
        default=5, ge=0, description="Failed runs and steps within an hour above which a home is degraded."
    )
    HEALTH_NIGHT_HOURS: float = Field(
        default=26.0,
        gt=0,
        description="Hours since the data of the last good night ended, above which a home is degraded.",
    )
