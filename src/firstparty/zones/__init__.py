"""What a zone holds: from facts to records, and their signatures. No I/O."""
