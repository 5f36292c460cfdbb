"""Agreement with other tools, each in its own process and environment (`make peers`)."""
