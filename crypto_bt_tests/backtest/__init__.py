"""Tests of crypto_bt/backtest."""
