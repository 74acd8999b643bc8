"""docs/proxy-check.md has every check and every cause, word for word, and none that is gone."""

import re
from pathlib import Path

from firstparty.proxies.causes import list_causes
from firstparty.proxies.platforms import PROVIDERS
from firstparty.proxies.suite import API_CHECKS, CDN_CHECKS, MESSAGE_CHECKS

PAGE = (Path(__file__).parents[2] / "docs" / "proxy-check.md").read_text()


def test_every_check_is_on_the_page_in_its_order() -> None:
    documented = re.findall(r"^\| `((?:cdn|api)\.[\w-]+)` \| (.+) \|$", PAGE, re.MULTILINE)
    checks = (*CDN_CHECKS, *API_CHECKS, *MESSAGE_CHECKS)

    assert documented == [(check.name, check.title) for check in checks]


def test_every_cause_is_on_the_page_with_all_its_fixes() -> None:
    sections = dict(
        re.findall(r"^### `([\w-]+)`\n(.*?)(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    )
    causes = list_causes()

    assert list(sections) == list(causes)
    for code, cause in causes.items():
        assert f"Shows as: {cause.shows}." in sections[code]
        assert cause.sentence in sections[code]
        assert [fix for fix in cause.fix.values() if f": {fix}\n" not in sections[code]] == []


def test_every_fix_is_for_a_provider_that_can_be_named() -> None:
    named = {provider for cause in list_causes().values() for provider in cause.fix}

    assert named <= {"any", *PROVIDERS}
    assert all("any" in cause.fix for cause in list_causes().values())
