"""Where the running product is: the environment, or the profile that ``serve`` wrote here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from firstparty.cli.errors import CommandFailed

CHOICE: Final = "FIRSTPARTY_PROFILE"  # the name of the profile to use; unset: the one of serve


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An address without a slash at its end, a token, and the workspace to speak about."""

    url: str
    token: str = field(repr=False)
    workspace: str | None


def find_connection(environment: Mapping[str, str], profile_file: Path) -> Connection:
    """The connection to use; raises CommandFailed where there is none.

    The profile's token and workspace go to the profile's own address alone: a token is never sent
    to a place that it was not made for.
    """
    profile = load_profile(profile_file)
    url = (environment.get("FIRSTPARTY_URL") or profile.get("url") or "").rstrip("/")
    if not url:
        raise CommandFailed(
            "No running product is known here: start one (firstparty serve), or set "
            "FIRSTPARTY_URL and FIRSTPARTY_TOKEN to one."
        )
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise CommandFailed(f"FIRSTPARTY_URL: {url!r} is not an http or https address.")
    kept = profile if url == profile.get("url", "").rstrip("/") else {}
    token = environment.get("FIRSTPARTY_TOKEN") or kept.get("token")
    if not token:
        raise CommandFailed(
            f"There is no token for {url}: set FIRSTPARTY_TOKEN to one "
            "(firstparty tokens add NAME, or the console, makes it)."
        )
    if not (token.isascii() and token.isprintable()):
        raise CommandFailed("FIRSTPARTY_TOKEN is not a token: copy it again, it begins with fp_.")
    workspace = environment.get("FIRSTPARTY_WORKSPACE") or kept.get("workspace") or None
    return Connection(url=url, token=token.strip(), workspace=workspace)


def load_profile(file: Path) -> dict[str, str]:
    """The texts in the profile; empty if there is none. Raises CommandFailed for a broken one."""
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CommandFailed(
            f"{file} cannot be read ({error}): remove it and set FIRSTPARTY_URL and "
            "FIRSTPARTY_TOKEN instead."
        ) from error
    if not isinstance(found, dict):
        raise CommandFailed(f"{file} is not a profile: remove it.")
    return {key: value for key, value in found.items() if isinstance(value, str)}
