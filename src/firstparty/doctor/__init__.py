"""Looks at everything at once and tells what it finds as it finds it. ``serve`` hands it checks."""
