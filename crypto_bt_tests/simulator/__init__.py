"""Tests of crypto_bt.simulator."""
