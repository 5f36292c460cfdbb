"""Alert channels: one file each. The room is built and empty; channels move in with the outbox."""
