"""The command-line face of control: it speaks REST to a running product."""
