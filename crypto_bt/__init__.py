"""crypto_bt: fresh market data and honest nightly backtests for a crypto-futures desk."""

__version__ = "0.1.0"
