"""The profile that the command line reads on the same machine: where we are, and a token."""

import json
import os
import re
from pathlib import Path
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")


def is_profile_name(name: str) -> bool:
    """Whether a profile may be called so: the name is part of a file's."""
    return _NAME.fullmatch(name) is not None


def profile_file(name: str | None = None) -> Path:
    """Where a profile is: ``$XDG_CONFIG_HOME/firstparty/profile.json``, named ones in a folder."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    folder = Path(home) / "firstparty"
    return folder / "profile.json" if name is None else folder / "profiles" / f"{name}.json"


def write_profile(
    *, url: str, token: str, name: str | None = None, workspace: str | None = None
) -> Path:
    """Replace a profile; only its owner can read it."""
    file = profile_file(name)
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump({"url": url, "token": token, "workspace": workspace}, stream)
    fresh.replace(file)
    return file
