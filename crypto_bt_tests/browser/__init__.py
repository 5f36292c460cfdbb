"""The web UI and the pages of a night, tried in a real browser."""
