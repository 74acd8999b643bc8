"""Content Security Policies: what a site's policy says of a source, and what to add to it."""
