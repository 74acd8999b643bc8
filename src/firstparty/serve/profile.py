"""The profile that the command line reads on the same machine: where we are, and a token."""

import json
import os
from pathlib import Path


def profile_file() -> Path:
    """Where the profile is: ``$XDG_CONFIG_HOME/firstparty/profile.json``."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "firstparty" / "profile.json"


def write_profile(*, url: str, token: str) -> Path:
    """Replace the profile; only its owner can read it."""
    file = profile_file()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump({"url": url, "token": token, "workspace": None}, stream)
    fresh.replace(file)
    return file
