"""Every setting of crypto_bt: typed, documented, frozen.

Read by ``defs``, ``cli``, ``definitions`` and ``night`` alone; all other rooms get values as arguments.
A home's ``.env`` holds them (written from ``.env.example``, all commented out). A line uncommented there
wins over the caller's environment, because Dagster lays that file over its environment and both must
see the same. A wrong setting is refused with its name, value and what is allowed, all at once.
"""

import difflib
import os
import shlex
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated, Any, Final

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from crypto_bt.core.errors import SettingsError, UsageError
from crypto_bt.core.foreign_settings import has_no_effect, is_exchange_key, is_given_to_us, notices
from crypto_bt.core.market import STANDARD_TIMEFRAMES, Timeframe, parse_symbol
from crypto_bt.core.universe import UNIVERSE
from crypto_bt.settings_alerts import AlertSettings
from crypto_bt.settings_backtest import BacktestSettings
from crypto_bt.settings_backup import BackupSettings
from crypto_bt.settings_desk import DeskSettings
from crypto_bt.settings_risk import RiskSettings

PROJECT: Final = Path(__file__).resolve().parent.parent
#: The home that is meant when none is named.
LIVE_HOME: Final = PROJECT / "data" / "live"
#: Keys that may stand in a home's ``.env`` though they are Dagster's, not ours.
FOREIGN_KEYS: Final = frozenset({"DAGSTER_HOME"})


_NO_KEY: Final = "an exchange key is set; remove it, market data needs none"


class _Environment(EnvSettingsSource):
    """The environment without the keys that it holds for another program, such as the live trader."""

    def __call__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__call__().items() if not is_exchange_key(name)}


class Settings(DeskSettings, BacktestSettings, BackupSettings, RiskSettings, AlertSettings):
    """The settings, as read from the environment and the home's ``.env``."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=True, env_ignore_empty=True)

    CRYPTO_BT_HOME: Path = Field(
        default=LIVE_HOME, description="Folder that holds all state: store, results, Dagster's home."
    )
    EXCHANGE_URL: str = Field(
        default="",
        pattern=r"^(https?://[^\s/?#@]+)?$",
        description="Base address of the exchange, such as http://127.0.0.1:8790; empty: Binance itself.",
    )
    SYMBOLS: Annotated[tuple[str, ...], NoDecode] = Field(
        default=UNIVERSE,
        min_length=1,
        description="Symbols to follow, separated by commas; empty: the 60 of crypto_bt/core/universe.py.",
    )
    TIMEFRAMES: Annotated[tuple[Timeframe, ...], NoDecode] = Field(
        default=STANDARD_TIMEFRAMES,
        description="Candles to keep, separated by commas: 1h,4h,1d, and 15m if wanted.",
    )
    SOURCES_URL: str = Field(
        default="",
        pattern=r"^(https?://[^\s/?#@]+)?$",
        description="Base address of all sources but the exchange (a mirror); empty: each one's own, or the "
        "exchange's where that is a loopback one.",
    )
    FRED_API_KEY: SecretStr | None = Field(
        default=None, description="Key of FRED's JSON interface; empty: its keyless CSV files are read."
    )
    HISTORY_START: date | None = Field(
        default=None,
        description="First day that counts, for what is missing and for backtests; empty: the first stored.",
    )
    FIXED_NOW: datetime | None = Field(
        default=None,
        description="UTC moment at which this home's clock stands (recorded markets); empty: wall clock.",
    )
    QUALITY_LOOKBACK_DAYS: int = Field(
        default=30, ge=1, le=3650, description="Days over which a symbol must be whole."
    )
    COVERAGE_MINIMUM: float = Field(
        default=0.95,
        gt=0,
        lt=1,
        description="Share of whole symbols that must be exceeded for a night to run.",
    )
    WEIGHT_SHARE_SCHEDULED: float = Field(
        default=0.2, gt=0, le=1, description="Share of the exchange's request weight for scheduled updates."
    )
    WEIGHT_SHARE_BACKFILL: float = Field(
        default=0.5, gt=0, le=1, description="Share of the exchange's request weight for backfills."
    )
    STRATEGIES: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Strategies of the nightly backtest, separated by commas; empty: all."
    )
    BINANCE_API_KEY: SecretStr | None = Field(
        default=None,
        description="Must stay empty: no exchange key is needed, and none is accepted. One in the "
        "environment is the live trader's, and is ignored.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The home's ``.env`` before the environment, as Dagster does it."""
        return init_settings, dotenv_settings, _Environment(settings_cls)

    @field_validator("SYMBOLS", "STRATEGIES", "TIMEFRAMES", "BACKTEST_AFFINITY", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("SYMBOLS")
    @classmethod
    def _symbols(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        try:
            symbols = tuple(parse_symbol(symbol) for symbol in value)
        except UsageError as error:
            raise ValueError(str(error)) from None
        twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
        if twice:
            raise ValueError(f"named twice: {', '.join(twice)}")
        return symbols

    @field_validator("TIMEFRAMES")
    @classmethod
    def _timeframes(cls, value: tuple[Timeframe, ...]) -> tuple[Timeframe, ...]:
        missing = [timeframe for timeframe in STANDARD_TIMEFRAMES if timeframe not in value]
        if missing:
            raise ValueError(f"{', '.join(missing)} must stay: checks and strategies need them")
        return tuple(timeframe for timeframe in Timeframe if timeframe in value)

    @field_validator("FIXED_NOW")
    @classmethod
    def _utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @field_validator("BINANCE_API_KEY")
    @classmethod
    def _no_key(cls, value: SecretStr | None) -> None:
        if value is not None and value.get_secret_value():
            raise ValueError(_NO_KEY)

    @property
    def home_option(self) -> str:
        """What a command needs to find this home; empty for the live home, which is the default."""
        home = self.CRYPTO_BT_HOME
        return "" if home == LIVE_HOME.resolve() else f" --home {shlex.quote(str(home))}"

    @property
    def candle_datasets(self) -> tuple[str, ...]:
        """The datasets of the candles that this home keeps, the finest first."""
        return tuple(timeframe.dataset for timeframe in self.TIMEFRAMES)

    @property
    def history_start(self) -> datetime | None:
        """HISTORY_START as a UTC moment."""
        return datetime.combine(self.HISTORY_START, time(), UTC) if self.HISTORY_START else None


def load_settings(home: Path | None = None) -> Settings:
    """Read the settings of ``home`` (default: CRYPTO_BT_HOME, else the project's ``data/live``).

    Raises SettingsError naming every wrong setting with its value and what is allowed.
    """
    home = home or Path(os.environ.get("CRYPTO_BT_HOME") or LIVE_HOME)
    env_file = home / ".env"
    wrong = _unknown_keys(env_file) + [
        _key_given(name) for name in sorted(os.environ) if is_given_to_us(name)
    ]
    given: dict[str, Any] = {"CRYPTO_BT_HOME": home.resolve(), "_env_file": env_file}
    try:
        settings = Settings(**given)
    except ValidationError as error:
        wrong += [_explain(detail) for detail in error.errors(include_url=False)]
    if wrong:
        raise SettingsError(
            f"{len(wrong)} wrong setting{'s' if len(wrong) > 1 else ''}:\n  " + "\n  ".join(wrong),
            f"\nCorrect them in {env_file} or in the environment; .env.example lists all.",
        )
    return settings


def _unknown_keys(env_file: Path) -> list[str]:
    known = set(Settings.model_fields)
    wrong = []
    for key in _read(env_file).keys() - known - FOREIGN_KEYS:
        if has_no_effect(key):
            continue
        if is_exchange_key(key):
            wrong.append(_key_given(key))
            continue
        close = difflib.get_close_matches(key, known, n=1)
        wrong.append(f"{key}: there is no such setting." + (f" Did you mean {close[0]}?" if close else ""))
    return sorted(wrong)


def _read(env_file: Path) -> dict[str, str | None]:
    try:
        return dict(dotenv_values(env_file)) if env_file.is_file() else {}
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{env_file} is not text: {error}.", "Remove it and run crypto-bt init."
        ) from error


def _key_given(name: str) -> str:
    return f"{name}=(hidden): {_NO_KEY}."


def settings_notices(home: Path) -> list[str]:
    """What a person should know of names that are set for ``home`` and have no effect on it."""
    return notices(os.environ.keys(), _read(home / ".env").keys())


def _explain(detail: Any) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else "settings"
    known = Settings.model_fields.get(name)
    secret = known is not None and "SecretStr" in str(known.annotation)
    seen = "(hidden)" if secret else repr(detail["input"])
    about = f" {known.description}" if known is not None and known.description else ""
    message = str(detail["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{name}={seen}: {message}.{about}"


def render_example() -> str:
    """The text of ``.env.example``: every setting with its meaning and default, commented out."""
    lines = [
        "# Settings of crypto_bt. Copied to each home's .env by set-up; uncomment what you change.",
        "# A line uncommented here wins over the environment.",
    ]
    later = [*BacktestSettings.model_fields, *BackupSettings.model_fields, *AlertSettings.model_fields]
    order = {name: place for place, name in enumerate(later, start=1)}
    for name, known in sorted(Settings.model_fields.items(), key=lambda field: order.get(field[0], 0)):
        lines += ["", f"# {known.description}", f"#{name}={_default_text(known.default)}"]
    return "\n".join(lines) + "\n"


def _default_text(default: object) -> str:
    if default == LIVE_HOME:
        return "data/live"
    if default is None or default is UNIVERSE or default == ():
        return ""
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default)
