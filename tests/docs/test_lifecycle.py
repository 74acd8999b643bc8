import re
from pathlib import Path

from firstparty.model.status import Word
from firstparty.reconciler.resting import PAUSED

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "lifecycle.md").read_text()


def test_every_finding_in_the_source_is_on_the_page_and_no_other() -> None:
    source = "".join(
        file.read_text() for file in (REPOSITORY / "src/firstparty/reconciler").glob("*.py")
    )
    in_source = set(re.findall(r'code="([a-z-]+)"', source)) | {PAUSED}
    words = set(Word) - {PAUSED}  # which is a finding, too
    on_page = set(re.findall(r"^\| `([a-z-]+)` \|.*\|.*\|$", PAGE, re.MULTILINE)) - words

    assert in_source
    assert on_page == in_source


def test_every_refusal_of_a_domain_is_on_the_page_and_no_other() -> None:
    asking = ("clashes", "domain_requests", "domains", "moves", "key_rolls")
    files = ["model/names.py", *(f"control/{name}.py" for name in asking)]
    source = "".join((REPOSITORY / "src/firstparty" / file).read_text() for file in files)
    in_source = set(re.findall(r'(?:_refuse|Refused|Conflict)\(\s*"([a-z-]+)"', source))
    of_plans = {"mode-not-in-plan", "too-many-domains"}
    section = PAGE.partition("## What is refused")[2].partition("\n## ")[0]
    on_page = re.findall(r"^\| `([a-z-]+)` \|", section, re.MULTILINE)

    assert "name-is-apex" in in_source
    assert set(on_page) == in_source | of_plans
    assert len(on_page) == len(set(on_page))
