"""Tells a workspace's people and programs what happens to its domains."""
