"""The settings of the nightly backtest: costs, walk-forward, gates."""

from pydantic import Field
from pydantic_settings import BaseSettings


class BacktestSettings(BaseSettings):
    """What a night is computed by; read and checked as part of :class:`crypto_bt.settings.Settings`."""

    FEE_TIER: int = Field(
        default=0,
        ge=0,
        le=9,
        description="Level of the account at the exchange (0 regular, 1 to 9 VIP); sets both commissions.",
    )
    COMMISSION_BPS: float | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="Commission of market orders and stops in basis points; empty: that of FEE_TIER.",
    )
    MAKER_COMMISSION_BPS: float | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="Commission of limit orders in basis points; empty: that of FEE_TIER.",
    )
    SLIPPAGE_BPS: float = Field(
        default=2.0, ge=0, le=1000, description="Slippage per market fill in basis points of its price."
    )
    SLIPPAGE_RANGE_SHARE: float = Field(
        default=0.0, ge=0, le=1, description="Slippage per market fill as a share of the bar's range."
    )
    SLIPPAGE_IMPACT: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Slippage x root of the share of the bar's volume that an order is, as a fraction.",
    )
    BACKTEST_CAPITAL: float = Field(
        default=10_000.0, gt=0, description="Capital of the nightly backtest in USDT, shared by the symbols."
    )
    BACKTEST_THREADS: int = Field(
        default=1, ge=1, le=64, description="Threads of the nightly backtest; the results are the same."
    )
    WALK_FORWARD_TRAIN_DAYS: int = Field(
        default=90, ge=30, le=3650, description="Days on which parameters are chosen."
    )
    WALK_FORWARD_TEST_DAYS: int = Field(
        default=30, ge=1, le=3650, description="Days after them on which the choice is tested."
    )
    WALK_FORWARD_STEP_DAYS: int = Field(
        default=15, ge=1, le=3650, description="Days from one choice to the next."
    )
    WALK_FORWARD_ANCHORED: bool = Field(
        default=False, description="Choose on all days since the first, in place of the last ones."
    )
    WALK_FORWARD_PURGE_DAYS: int = Field(
        default=1, ge=0, le=365, description="Days left out between choosing and testing."
    )
    WALK_FORWARD_EMBARGO_DAYS: int = Field(
        default=0, ge=0, le=365, description="Days after a test that no later choice is made on."
    )
    GATE_SHARPE: float = Field(
        default=0.80, description="Sharpe ratio that a strategy must reach out of sample to be promoted."
    )
    GATE_MAX_DRAWDOWN: float = Field(
        default=0.12, gt=0, le=1, description="Deepest drawdown that a promoted strategy may have."
    )
    GATE_WIN_RATE: float = Field(
        default=0.45, ge=0, le=1, description="Share of won trades that a strategy must reach."
    )
    GATE_PROFIT_FACTOR: float = Field(
        default=1.5, ge=0, description="Gains over losses that a strategy must reach."
    )
    GATE_CONSECUTIVE_LOSSES: int = Field(
        default=5,
        ge=0,
        description="Most losses in a row that a promoted strategy may have in a test window.",
    )
    GATE_TRADES: int = Field(
        default=20,
        ge=0,
        description="Fewest closed trades out of sample with which a strategy may be promoted.",
    )
    GATE_DAYS: int = Field(
        default=60, ge=0, description="Fewest days out of sample with which a strategy may be promoted."
    )
    UNIVERSE_LIQUID: int = Field(
        default=30, ge=1, description="Size of the universe of the most liquid symbols known at each time."
    )
