import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def _links() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
            if "://" not in target:
                yield str(page.relative_to(ROOT)), target


@pytest.mark.parametrize(("page", "target"), [*_links()])
def test_a_link_between_pages_leads_somewhere(page: str, target: str) -> None:
    assert (ROOT / page).parent.joinpath(target).exists()


def test_every_page_is_reached_from_the_readme() -> None:
    seen, new = set[Path](), {ROOT / "README.md"}
    while new:
        page = new.pop()
        seen.add(page.resolve())
        for target in re.findall(r"\]\(([^)#\s]+\.md)", page.read_text()):
            linked = (page.parent / target).resolve()
            new |= {linked} - seen

    pages = {page.resolve() for page in ROOT.glob("docs/*.md")}
    assert pages - seen == set()
