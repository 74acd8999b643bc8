import csv
import json

from hypothesis import given
from hypothesis import strategies as st

from firstparty.events.export import COLUMNS, Format, render_rows

COUNTS = dict.fromkeys(COLUMNS[2:], 7)


def a_row(name: str) -> dict[str, object]:
    return {"source_id": "src_1", "source_name": name, **COUNTS}


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n\0")))
def test_every_name_comes_back_as_it_was(name: str) -> None:
    (line,) = render_rows([a_row(name)], Format.NDJSON)
    rows = list(csv.reader(render_rows([a_row(name)], Format.CSV)))

    assert line.endswith("\n")
    assert json.loads(line) == a_row(name)
    assert rows[0] == list(COLUMNS)
    assert rows[1][1] in {name, f"'{name}"}


def test_no_name_is_a_formula_to_a_spreadsheet() -> None:
    for name in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx"):
        _, line = render_rows([a_row(name)], Format.CSV)

        assert line.startswith(f"src_1,'{name}")
