from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest

from firstparty.config.settings import AuthoritySettings, Group, Settings

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()


def _keys(group: type[Group], prefix: str = "") -> Iterator[str]:
    for name, kind in get_type_hints(group).items():
        if name.startswith("__"):
            continue
        if isinstance(kind, type) and issubclass(kind, Group):
            yield from _keys(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


@pytest.mark.parametrize(
    "key", [*_keys(Settings), *_keys(AuthoritySettings, "certificates.authorities.NAME.")]
)
def test_every_setting_has_a_line_on_the_page(key: str) -> None:
    assert f"| `{key}` |" in PAGE


def test_the_page_has_no_setting_that_the_code_does_not_know() -> None:
    known = {*_keys(Settings), *_keys(AuthoritySettings, "certificates.authorities.NAME.")}
    listed = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")}

    assert listed == known
