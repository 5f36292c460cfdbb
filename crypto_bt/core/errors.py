"""Every error this package raises on purpose.

::

    CryptoBtError
    |-- SettingsError        a setting is wrong: the person who wrote it must act
    |-- UsageError           a command was asked for something impossible
    |-- SourceError          an outside data source
    |   |-- SourceRefused    it will not serve us, asking again cannot help (403, 418, 451, -1121)
    |   `-- SourceUnavailable  it may serve us later; the client has tried as often as it may
    |-- StoreError           the store on disk
    |   |-- StoreCorrupt     bytes do not match their name
    |   |-- SourceMismatch   data of another source than the store's own
    |   `-- SnapshotMissing  no such snapshot
    `-- BacktestError        a strategy or the engine

Each says what happened with the value seen, and how to mend it.
"""


class CryptoBtError(Exception):
    """Base of all deliberate errors: ``what`` happened, and the ``mend`` (a command or an action)."""

    def __init__(self, what: str, mend: str = "") -> None:
        self.what = what
        self.mend = mend
        super().__init__(f"{what} {mend}".strip())


class SettingsError(CryptoBtError):
    """One or more settings are wrong; all of them are named at once."""


class UsageError(CryptoBtError):
    """A command was given something that cannot be done."""


class SourceError(CryptoBtError):
    """An outside data source failed."""


class SourceRefused(SourceError):
    """The source will not serve this request; repeating it is useless or harmful."""


class SourceUnavailable(SourceError):
    """The source did not answer usefully within the allowed tries."""


class StoreError(CryptoBtError):
    """The store on disk cannot do what was asked."""


class StoreCorrupt(StoreError):
    """The bytes of an object, a manifest or CURRENT are not what their name promises."""


class SourceMismatch(StoreError):
    """Rows of one source were about to be mixed with rows of another."""


class SnapshotMissing(StoreError):
    """The snapshot asked for is not in the store."""


class BacktestError(CryptoBtError):
    """A strategy or the engine was given, or produced, something it must not."""
