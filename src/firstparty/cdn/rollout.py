"""Analytics.js for a source that is restored, or rolled out to a share of its visitors.

The decision is made in the visitor's browser, before the library looks for its hosts, so that one
body serves everybody and any cache may keep it.
"""

from functools import cache
from importlib.resources import files
from string import Template
from typing import Final

from firstparty.cdn.script import QUOTED_API_BASE, StandaloneScript, escape, patch_script

_VARIABLE: Final = "firstpartyApi"  # what rollout.js calls the API base that was chosen


def build_rollout(
    script: StandaloneScript,
    *,
    write_key: str,
    hosts: tuple[str, str],
    others: tuple[str, str],
    share: int,
) -> bytes:
    """The script by which ``share`` visitors in a hundred use ``hosts``, the rest ``others``.

    Both are a CDN origin and an API base (no scheme, with ``/v1``). A visitor who is within a
    share is within every greater one.
    """
    marked = StandaloneScript(
        version=script.version, text=script.text.replace(QUOTED_API_BASE, _VARIABLE)
    )
    library = patch_script(marked, write_key=write_key, cdn_origin=hosts[0], api_base=hosts[1])
    values = {
        "cdn": hosts[0],
        "api": hosts[1],
        "default_cdn": others[0],
        "default_api": others[1],
    }
    literals = {name: f'"{escape(value)}"' for name, value in values.items()}
    return _template().substitute(literals, library=library.decode(), share=str(share)).encode()


@cache
def _template() -> Template:
    return Template(files("firstparty.cdn").joinpath("rollout.js").read_text())
