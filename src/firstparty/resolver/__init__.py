"""What the public DNS says, asked of the authoritative servers themselves."""
