"""Tests of crypto_bt/strategies."""
