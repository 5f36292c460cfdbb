"""Tests of crypto_bt, a folder for each room of the house."""
