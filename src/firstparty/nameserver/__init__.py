"""Our authoritative nameserver: zones to wire answers, over UDP and TCP."""
