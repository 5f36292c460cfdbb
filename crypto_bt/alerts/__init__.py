"""Where alerts go. Until messages are sent the only sink is a log file that ``crypto-bt status`` reads."""

from crypto_bt.alerts.log_file import AlertLog
from crypto_bt.alerts.sink import AlertSink

__all__ = ["AlertLog", "AlertSink"]
