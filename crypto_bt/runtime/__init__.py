"""Homes and processes: where state lives, what is started, what is locked."""
