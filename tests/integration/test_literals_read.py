"""Every literal is read as the text it was by the language itself, where that is installed."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firstparty.snippets.catalogue import build_snippet
from firstparty.snippets.facts import SnippetFacts
from firstparty.snippets.literals import Language, build_literal

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
EVIL = ['"#{1}\\#{1}$x {$x} ${x}`', "\n\r\t\0\x7f\u0085\u2028", "\\u0022\\", "\U0001f600é", "'", ""]

# Of what a program is made that prints an array of literals as hexadecimal UTF-8, one a line.
PROGRAMS: dict[Language, tuple[str, str, str, tuple[str, ...]]] = {
    Language.RUBY: (
        "main.rb",
        "ruby",
        '[{}].each {{ |text| puts text.encode("UTF-8").unpack1("H*") }}\n',
        (),
    ),
    Language.PHP: ("main.php", "php", '<?php foreach ([{}] as $t) echo bin2hex($t), "\\n";', ()),
    Language.GO: (
        "main.go",
        "go",
        (
            'package main\nimport "fmt"\nfunc main() {{ for _, t := range []string{{{}}} '
            '{{ fmt.Printf("%x\\n", t) }} }}\n'
        ),
        ("run",),
    ),
    Language.JAVA: (
        "Main.java",
        "java",
        (
            "import java.nio.charset.StandardCharsets; import java.util.HexFormat;\n"
            "class Main {{ public static void main(String[] a) {{ "
            "for (String t : new String[] {{{}}}) System.out.println("
            "HexFormat.of().formatHex(t.getBytes(StandardCharsets.UTF_8))); }} }}\n"
        ),
        (),
    ),
}


@pytest.mark.optional_toolchain
@pytest.mark.parametrize("language", PROGRAMS)
@settings(max_examples=3)
@given(st.lists(TEXT, min_size=20, max_size=60))
@example(EVIL)
def test_a_language_reads_every_literal_as_the_text_it_was(
    language: Language, texts: list[str]
) -> None:
    name, command, program, arguments = PROGRAMS[language]
    tool = shutil.which(command)
    if not tool:
        pytest.skip(f"{command} is not installed")
    source = program.format(", ".join(build_literal(language, text) for text in texts))

    assert run_program([tool, *arguments], name, source) == texts


def run_program(command: list[str], name: str, source: str) -> list[str]:
    with TemporaryDirectory() as folder:
        file = Path(folder) / name
        file.write_text(source, newline="")
        ran = subprocess.run([*command, str(file)], capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    return [bytes.fromhex(line).decode() for line in ran.stdout.decode().splitlines()]


@settings(max_examples=10)
@given(st.lists(TEXT.filter(lambda text: "\0" not in text), min_size=20, max_size=60))
@example([text.replace("\0", "") for text in EVIL])
def test_a_shell_reads_every_literal_as_the_text_it_was(texts: list[str]) -> None:
    words = " ".join(build_literal(Language.SHELL, text) for text in texts)
    script = f"printf '%s\\0' {words}"
    read = subprocess.run(["sh"], input=script.encode(), capture_output=True, check=True)

    assert read.stdout.decode().split("\0")[:-1] == texts


CHECKS: dict[str, Callable[[str], list[str]]] = {
    "ruby": lambda file: ["ruby", "-c", file],
    "php": lambda file: ["php", "-l", file],
    "node-legacy": lambda file: ["node", "--check", file],
}


@pytest.mark.parametrize("form", CHECKS)
def test_a_form_is_right_by_its_language_s_own_check(form: str, tmp_path: Path) -> None:
    file = tmp_path / "snippet.js"
    facts = SnippetFacts(write_key=json.dumps(EVIL), cdn_host="evs.S", api_host="api.S", alias="a")
    file.write_text(build_snippet(form, facts))
    command = CHECKS[form](str(file))
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    checked = subprocess.run(command, capture_output=True, check=False)

    assert checked.returncode == 0, checked.stderr.decode()
