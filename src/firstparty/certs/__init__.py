"""Certificate authorities: ACME and the built-in local one."""
