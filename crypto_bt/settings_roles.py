"""The settings that name who is called when something is wrong."""

from pydantic import Field
from pydantic_settings import BaseSettings


class RoleSettings(BaseSettings):
    """Who fills each role of the runbook; read and checked as part of
    :class:`crypto_bt.settings.Settings`. Free text: a name and how to reach it."""

    ROLE_ON_CALL: str = Field(default="", description="Who is called first, and how; empty: nobody is named.")
    ROLE_LEAD: str = Field(default="", description="Who leads the desk's engineering, and how to reach them.")
    ROLE_INFRASTRUCTURE: str = Field(
        default="", description="Who looks after machines, disks and network, and how to reach them."
    )
    ROLE_DECISION: str = Field(
        default="", description="Who decides about live trading, and how to reach them."
    )

    @property
    def roles(self) -> dict[str, str]:
        """Who fills each role, by the name of its setting."""
        return {name: str(getattr(self, name)) for name in RoleSettings.model_fields}
