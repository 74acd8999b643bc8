"""One file for each SDK: its facts, and the code that a developer copies."""
