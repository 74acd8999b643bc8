"""Settings: one frozen tree, read once, unknown keys refused."""
