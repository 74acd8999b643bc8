"""The web face of control: server-rendered pages."""
