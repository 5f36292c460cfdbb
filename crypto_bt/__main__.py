"""``python -m crypto_bt`` is ``crypto-bt``."""

from crypto_bt.cli import main

main()
