"""Every way an exchange goes wrong, against the real client, the real store and the market's own truth."""
