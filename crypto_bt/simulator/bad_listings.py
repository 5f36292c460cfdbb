"""Answers about the whole exchange that are wrong in themselves: its clock and its listings."""

from crypto_bt.simulator.fault_kinds import FaultKind


def misstate(kind: FaultKind, answer: object, symbol: str, seconds: float) -> object | None:
    """What ``kind`` makes of the ``answer`` of /time or exchangeInfo; None where it cannot show in it.

    ``symbol`` is the one that is settled or hidden, ``seconds`` how far the clock runs ahead.
    """
    if not isinstance(answer, dict):
        return None
    if kind is FaultKind.CLOCK_SKEW:
        stated = answer.get("serverTime")
        return {**answer, "serverTime": stated + round(1000 * seconds)} if type(stated) is int else None
    entries = answer.get("symbols")
    if not isinstance(entries, list):
        return None
    if kind is FaultKind.NO_LISTINGS:
        return {**answer, "symbols": []}
    others = [entry for entry in entries if entry["symbol"] != symbol]
    if len(others) == len(entries):
        return None
    if kind is FaultKind.UNLISTED:
        return {**answer, "symbols": others}
    settled = [{**entry, "status": "SETTLING"} if entry["symbol"] == symbol else entry for entry in entries]
    return {**answer, "symbols": settled}
