"""The providers: a data file each with its facts, and the templates of its files beside it."""
