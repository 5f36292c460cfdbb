"""Rules as the kernel's parameter sets, and what the exchange asks as its arrays."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crypto_bt.backtest.contracts import Contract
from crypto_bt.backtest.layout import CONTRACT_DTYPE, CONTRACT_FIELDS, PARAMETER_DTYPE
from crypto_bt.backtest.rules import Distance, Rules

_ABSENT = Distance()


def parameter_array(rules: Sequence[tuple[int, Rules]]) -> NDArray[np.void]:
    """The kernel's parameter sets from pairs of (row of the signals, rules)."""
    array = np.zeros(len(rules), PARAMETER_DTYPE)
    for line, (signal_set, rule) in zip(array, rules, strict=True):
        exits, costs, sizing = rule.exits, rule.costs, rule.sizing
        distances = {
            "stop": exits.stop_loss,
            "target": exits.take_profit,
            "trail_after": exits.trail_after,
            "trail": exits.trail_by,
            "even_after": exits.break_even_after,
            "scale": exits.scale_out_at,
        }
        for name, distance in distances.items():
            line[f"{name}_percent"] = (distance or _ABSENT).percent
            line[f"{name}_atr"] = (distance or _ABSENT).atr
        line["signal_set"] = signal_set
        line["even_offset"] = exits.break_even_offset
        line["scale_share"] = exits.scale_out_share
        line["time_stop"] = exits.time_stop or 0
        line["taker"], line["maker"] = costs.taker_bps / 10_000.0, costs.maker_bps / 10_000.0
        line["slippage"] = costs.slippage_bps / 10_000.0
        line["range_share"], line["impact"] = costs.range_share, costs.impact
        line["exposure"], line["leverage"] = sizing.exposure, sizing.leverage_used
        line["margin_rate"] = 1.0 / sizing.leverage_used
        line["carried"] = 1.0 / (1.0 / sizing.leverage_used + costs.taker_bps / 10_000.0)
        line["risk"] = sizing.risk_per_trade or 0.0
        line["trails"] = bool(exits.trail_by)
        line["waits_to_trail"] = bool(exits.trail_after)
        line["moves"] = bool(exits.trail_by) or bool(exits.break_even_after)
        line["needs_atr"] = exits.needs_atr
        line["costs_vary"] = costs.range_share > 0.0 or costs.impact > 0.0
    return array


def contract_array(contracts: Sequence[Contract]) -> NDArray[np.void]:
    """Order sizes and liquidation fee, one entry a contract."""
    array = np.zeros(len(contracts), CONTRACT_DTYPE)
    for line, contract in zip(array, contracts, strict=True):
        for name in CONTRACT_FIELDS:
            line[name] = getattr(contract, name)
    return array


def tier_arrays(contracts: Sequence[Contract]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Margin tiers (tiers, 3) of all contracts, one after the other, and where each contract's begin."""
    rows = [
        (tier.floor, tier.rate, amount)
        for contract in contracts
        for tier, amount in zip(contract.tiers, contract.amounts, strict=True)
    ]
    counts = [len(contract.tiers) for contract in contracts]
    tiers = np.array(rows, np.float64).reshape(-1, 3)
    return tiers, np.append(0, np.cumsum(counts)).astype(np.int64)


def largest_notionals(contracts: Sequence[Contract], parameters: NDArray[np.void]) -> NDArray[np.float64]:
    """The largest notional (contracts, parameter sets) that may be entered at each set's leverage, quote."""
    used, which = np.unique(parameters["leverage"], return_inverse=True)
    by_leverage = [[contract.largest_notional(float(value)) for value in used] for contract in contracts]
    return np.ascontiguousarray(np.array(by_leverage, np.float64).reshape(len(contracts), -1)[:, which])
