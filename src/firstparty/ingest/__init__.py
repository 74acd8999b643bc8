"""The tracking API: messages in, acknowledged once they are on disk."""
