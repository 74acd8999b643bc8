"""The TLS edge: Envoy, its configuration, and the discovery server beside it."""
