"""Metrics for Prometheus: what each process tells, and the one address where all of it is."""
