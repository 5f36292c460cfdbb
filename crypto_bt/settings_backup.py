"""The settings of backups, of what is kept, and of the room that must stay free on the disk."""

from pydantic import Field
from pydantic_settings import BaseSettings


class BackupSettings(BaseSettings):
    """What is kept where and how long; read and checked as part of :class:`crypto_bt.settings.Settings`."""

    BACKUP_OFFSITE_DIR: str = Field(
        default="",
        description="Folder on another disk, or an fsspec address such as s3://desk/backups, for a weekly "
        "copy of the backups; empty: none, and the loss of this disk is the loss of everything.",
    )
    SNAPSHOT_KEEP_HOURS: float = Field(
        default=48, ge=1, le=8760, description="Hours of snapshots to keep, so far back goes a rollback."
    )
    SNAPSHOT_KEEP_NIGHTS: int = Field(
        default=7, ge=0, le=365, description="Last nights whose snapshots are kept, to be repeated exactly."
    )
    RESULTS_KEEP_DAYS: int = Field(
        default=730, ge=7, le=36500, description="Days of nights to keep in the results store."
    )
    ASIDE_KEEP_DAYS: int = Field(
        default=30, ge=1, le=3650, description="Days to keep damaged files that were put aside."
    )
    DISK_MINIMUM_GB: float = Field(
        default=1.0, ge=0, description="Free room in GB below which updates, backups and restores refuse."
    )
    DISK_MINIMUM_SHARE: float = Field(
        default=0.1, ge=0, lt=1, description="Free share of the disk below which they refuse."
    )
