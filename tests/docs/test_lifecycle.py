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
