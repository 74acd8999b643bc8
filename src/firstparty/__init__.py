"""Firstparty: a first-party home for Segment-compatible analytics."""

__version__ = "0.1.0"
