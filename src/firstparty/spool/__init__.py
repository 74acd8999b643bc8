"""The durable log between ingest and forward, on JetStream."""
