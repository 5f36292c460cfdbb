"""The desk's risk rules for an account that all symbols share: rules 55 to 68 of docs/assumptions.md."""

from pydantic import Field
from pydantic_settings import BaseSettings


class RiskSettings(BaseSettings):
    """Fractions of the equity, unless said otherwise; read and checked as part of
    :class:`crypto_bt.settings.Settings`. Each default is the desk's own."""

    RISK_PER_TRADE: float = Field(
        default=0.02,
        gt=0,
        le=1,
        description="What one entry may lose at its stop, or its margin without one.",
    )
    RISK_TOTAL: float = Field(
        default=0.06, gt=0, le=1, description="What all positions together may lose at their stops."
    )
    RISK_ASSET_SHARE: float = Field(
        default=0.40, gt=0, le=125, description="Notional of one symbol over the equity."
    )
    RISK_MAX_POSITIONS: int = Field(default=5, ge=1, description="Symbols held at a time.")
    RISK_MAX_LEVERAGE: float = Field(
        default=10.0, ge=1, le=125, description="Notional of all positions over the equity; highest of one."
    )
    RISK_MAX_CORRELATION: float = Field(
        default=0.80,
        ge=-1,
        le=1,
        description="Correlation of daily returns with a held position above which nothing is added.",
    )
    RISK_TARGET_VOLATILITY: float | None = Field(
        default=None,
        gt=0,
        le=125,
        description="Annual volatility that one entry may bring to the account; empty: no such limit.",
    )
    RISK_DAILY_DRAWDOWN: float = Field(
        default=0.05, gt=0, le=1, description="Loss within a UTC day at which all positions are closed."
    )
    RISK_WAIT_HOURS: float = Field(
        default=24.0, ge=0, le=8760, description="Hours without entries after the daily drawdown stop."
    )
    RISK_TOTAL_DRAWDOWN: float = Field(
        default=0.15, gt=0, le=1, description="Loss since the peak at which all is closed for good."
    )
