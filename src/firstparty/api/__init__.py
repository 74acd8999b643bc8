"""The REST face of control."""
