"""What a workspace may ask for: the only writer of intent."""
