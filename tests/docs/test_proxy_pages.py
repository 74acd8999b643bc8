"""The proxies' pages are generated: ``python tests/docs/test_proxy_pages.py`` writes them."""

from pathlib import Path

import pytest

from firstparty.proxies.catalogue import list_providers
from firstparty.proxies.pages import build_index, build_page

FOLDER = Path(__file__).parents[2] / "docs" / "proxies"


@pytest.mark.parametrize("name", list_providers())
def test_a_providers_page_says_what_its_data_says(name: str) -> None:
    assert (FOLDER / f"{name}.md").read_text() == build_page(name)


def test_the_index_leads_to_every_provider() -> None:
    assert (FOLDER / "README.md").read_text() == build_index()


def write_pages() -> None:
    for name in list_providers():
        (FOLDER / f"{name}.md").write_text(build_page(name))
    (FOLDER / "README.md").write_text(build_index())


if __name__ == "__main__":
    write_pages()
