"""The settings that a night is computed by, as the engine takes them."""

from dataclasses import fields, replace

from crypto_bt.backtest.fee_tiers import fees_of_tier
from crypto_bt.backtest.gates import Gates
from crypto_bt.backtest.portfolio_rules import PortfolioRules
from crypto_bt.backtest.rules import Costs
from crypto_bt.backtest.spec import WalkForwardPlan
from crypto_bt.settings import Settings


def costs_of(settings: Settings) -> Costs:
    """Commissions of the account's level unless they are given, and the model of slippage."""
    maker, taker = fees_of_tier(settings.FEE_TIER)
    return Costs(
        taker_bps=taker if settings.COMMISSION_BPS is None else settings.COMMISSION_BPS,
        maker_bps=maker if settings.MAKER_COMMISSION_BPS is None else settings.MAKER_COMMISSION_BPS,
        slippage_bps=settings.SLIPPAGE_BPS,
        range_share=settings.SLIPPAGE_RANGE_SHARE,
        impact=settings.SLIPPAGE_IMPACT,
    )


def walk_forward_of(settings: Settings) -> WalkForwardPlan:
    """The lengths of the walk-forward."""
    return WalkForwardPlan(
        train=settings.WALK_FORWARD_TRAIN_DAYS,
        test=settings.WALK_FORWARD_TEST_DAYS,
        step=settings.WALK_FORWARD_STEP_DAYS,
        anchored=settings.WALK_FORWARD_ANCHORED,
        purge=settings.WALK_FORWARD_PURGE_DAYS,
        embargo=settings.WALK_FORWARD_EMBARGO_DAYS,
    )


def gates_of(settings: Settings) -> Gates:
    """The gates with the limits of the settings; a limit that is not the default was set by the user."""
    gates = Gates()
    changed = {}
    for field in fields(gates):
        gate = getattr(gates, field.name)
        limit = float(getattr(settings, f"GATE_{field.name.upper()}"))
        if limit != gate.limit:
            changed[field.name] = replace(gate, limit=limit, source="set by the user")
    return replace(gates, **changed)


def portfolio_of(settings: Settings) -> PortfolioRules:
    """The desk's risk rules for shared capital."""
    return PortfolioRules(
        risk_per_trade=settings.RISK_PER_TRADE,
        total_risk=settings.RISK_TOTAL,
        max_asset_share=settings.RISK_ASSET_SHARE,
        max_positions=settings.RISK_MAX_POSITIONS,
        max_leverage=settings.RISK_MAX_LEVERAGE,
        max_correlation=settings.RISK_MAX_CORRELATION,
        target_volatility=settings.RISK_TARGET_VOLATILITY,
        daily_drawdown=settings.RISK_DAILY_DRAWDOWN,
        total_drawdown=settings.RISK_TOTAL_DRAWDOWN,
        wait_hours=settings.RISK_WAIT_HOURS,
    )
