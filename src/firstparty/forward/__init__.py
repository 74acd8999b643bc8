"""Hands messages on from the log to each source's upstream."""
