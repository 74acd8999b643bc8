import re
from pathlib import Path

from firstparty.snippets.catalogue import list_forms

PAGE = (Path(__file__).parents[2] / "docs" / "snippets.md").read_text()


def test_every_form_is_on_the_page_with_its_option_and_no_other() -> None:
    rows = {
        row[0]: row[1] for row in re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", PAGE, re.MULTILINE)
    }

    assert set(rows) == set(list_forms())
    for name, form in list_forms().items():
        for option in re.split(r", | and ", form.option):
            assert option in rows[name]
