"""What became of messages, told to whoever may ask."""
