"""Recovery of a desk: look, decide, mend, tell; used by the asset backup and by ``crypto-bt doctor``."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from crypto_bt.core.alerts import Alert, AlertSeverity
from crypto_bt.core.check_alerts import STORES
from crypto_bt.core.errors import CryptoBtError
from crypto_bt.core.recovery import Damage, Plan, Remedy, decide
from crypto_bt.defs.backing_up import all_places
from crypto_bt.defs.resources import Desk
from crypto_bt.store.diagnosis import diagnose, help_for
from crypto_bt.store.recovering import Recovered, recover
from crypto_bt.store.recovery_ledger import BEGAN, RESET, RESOLVED, RecoveryLedger

CAUSE: Final = "store_damaged"
COMMAND: Final = "crypto-bt doctor"
_PATIENCE: Final = 600.0


@dataclass(frozen=True, slots=True)
class Mended:
    """What was found, what was decided, and what was done about it (None: nothing)."""

    damage: Damage
    plan: Plan
    done: Recovered | None


def look(desk: Desk, now: datetime) -> tuple[Damage, Plan]:
    """Hash everything, and decide what to do."""
    damage = diagnose(desk.home.root)
    tried = RecoveryLedger(desk.home.root).began()
    return damage, decide(damage, help_for(desk.home.root, damage, all_places(desk)), tried, now)


def mend(desk: Desk, now: datetime, *, by_person: bool = False) -> Mended:
    """Make the stores of the desk whole, as far as that goes without the network, and tell of it.

    What has to be fetched again is left in the ledger. A person's word resets the breaker. Raises what the
    store raises while mending; the next look goes on from there.
    """
    ledger = RecoveryLedger(desk.home.root)
    if by_person and ledger.began():
        ledger.note(RESET, now)
    damage, plan = look(desk, now)
    if plan.steps[0].remedy is Remedy.GIVE_UP or damage.unreadable:
        _tell(desk, plan.text, now)
    if not plan.changes:
        return Mended(damage, plan, None)
    ledger.note(BEGAN, now, text=plan.text)
    _tell(desk, plan.text, now)
    with desk.home.locked("market", "recovery", _PATIENCE):
        done = recover(desk.home.root, plan, all_places(desk), now=now)
    ledger.note_done(now, plan.text, plan.refetched)
    return Mended(damage, plan, done)


def resolve(desk: Desk, now: datetime) -> bool:
    """Tell that the store is whole again, once it verifies and nothing is left to be fetched."""
    ledger = RecoveryLedger(desk.home.root)
    if not ledger.unresolved() or ledger.pending() or not diagnose(desk.home.root).none:
        return False
    desk.alerts.send(_alert("The store is whole again.", desk, now).as_resolved())
    ledger.note(RESOLVED, now)
    return True


def _tell(desk: Desk, text: str, now: datetime) -> None:
    try:
        desk.alerts.send(_alert(text, desk, now))
    except CryptoBtError:
        # The store is mended all the same; what happened stands in the ledger.
        return


def _alert(text: str, desk: Desk, now: datetime) -> Alert:
    return Alert(
        cause=CAUSE,
        severity=AlertSeverity.CRITICAL,
        what=text,
        where=STORES,
        value="damaged",
        limit="every object, manifest and pointer as it was published",
        since=now,
        command=COMMAND + desk.settings.home_option,
    )
