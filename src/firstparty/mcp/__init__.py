"""The face for assistants: a Model Context Protocol server over REST, read-only unless told."""
