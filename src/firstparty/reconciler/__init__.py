"""Drives status towards intent: the only writer of statuses and findings."""
