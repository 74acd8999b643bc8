"""What there is: values and rules, with no I/O."""
