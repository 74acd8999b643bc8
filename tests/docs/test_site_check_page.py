import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "site-check.md").read_text()
SOURCES = [
    *(ROOT / "src" / "firstparty" / "sitecheck").glob("*.py"),
    ROOT / "src" / "firstparty" / "serve" / "browser_doctor.py",
]
SAID = re.compile(r'code=f?"([a-z-]+)|good\(\s*"([a-z-]+)"')


def test_the_page_has_every_code_and_no_other() -> None:
    said = {
        first or second for source in SOURCES for first, second in SAID.findall(source.read_text())
    }
    rows = [line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `")]
    listed = {code.rstrip("…") for row in rows for code in re.findall(r"`([a-z-]+…?)`", row)}

    assert said == listed
