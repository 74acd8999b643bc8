"""Versions of Analytics.js, by a program that stands for npm: it packs what a folder has."""

import base64
import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from firstparty.cdn.bundles import list_versions, open_library, read_library
from firstparty.cdn.install import check_integrity, install_version
from firstparty.cdn.refusals import list_refusals
from firstparty.cdn.versions import order_of
from firstparty.errors import Refused
from tests.unit.test_cdn_bundles import STANDALONE

NPM = """#!/usr/bin/env python3
import json, pathlib, shutil, sys
here = pathlib.Path(__file__).parent
if sys.argv[1] == "view":
    print((here / "view.json").read_text())
elif sys.argv[1] == "pack":
    folder = sys.argv[sys.argv.index("--pack-destination") + 1]
    shutil.copy(here / "package.tgz", folder)
    print("[]")
"""


def a_registry(
    folder: Path, version: str, *, standalone: bytes = STANDALONE, integrity: str = ""
) -> str:
    """A program that has this version alone; its path."""
    folder.mkdir(exist_ok=True)
    files = {
        "package/package.json": json.dumps({"version": version}).encode(),
        "package/dist/umd/standalone.js": standalone,
        f"package/dist/umd/a.bundle.{version.replace('.', '')}.js": b"let a",
        "package/../../evil.js": b"no",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            if ".." in name:
                continue
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    archive = buffer.getvalue()
    (folder / "package.tgz").write_bytes(archive)
    found = "sha512-" + base64.b64encode(hashlib.sha512(archive).digest()).decode()
    facts = {"version": version, "dist.integrity": integrity or found}
    (folder / "view.json").write_text(json.dumps(facts))
    program = folder / "npm"
    program.write_text(NPM)
    program.chmod(0o755)
    return str(program)


def test_versions_stand_beside_each_other_and_the_newest_is_the_default(tmp_path: Path) -> None:
    state = tmp_path / "state"
    for version in ("1.9.0", "1.10.0"):
        install_version(version, state, npm=a_registry(tmp_path / version, version))
    library = read_library(state)

    assert library.scripts.keys() == {"1.9.0", "1.10.0"}
    assert library.script is not None
    assert library.script.version == "1.10.0"
    assert library.find("1.9.0") is library.scripts["1.9.0"]
    assert library.find("1.0.0") is library.script
    assert sorted(library.bundles) == ["a.bundle.1100.js", "a.bundle.190.js"]


def test_a_package_with_other_counts_is_refused_and_everything_stays(tmp_path: Path) -> None:
    state = tmp_path / "state"
    install_version("1.9.0", state, npm=a_registry(tmp_path / "good", "1.9.0"))
    npm = a_registry(tmp_path / "bad", "2.0.0", standalone=STANDALONE * 2)

    with pytest.raises(Refused, match=r"2\.0\.0"):
        install_version("latest", state, npm=npm)
    library = read_library(state)

    assert library.scripts.keys() == {"1.9.0"}
    assert [one.version for one in library.refused] == ["2.0.0"]
    assert "instead of" in library.refused[0].reason
    assert list_versions(state) == {"1.9.0"}
    assert sorted(library.bundles) == ["a.bundle.190.js"]


def test_a_refusal_is_kept_until_that_version_or_a_newer_one_is_there(tmp_path: Path) -> None:
    state = tmp_path / "state"
    bad = a_registry(tmp_path / "bad", "2.0.0", standalone=STANDALONE * 2)
    with pytest.raises(Refused):
        install_version("2.0.0", state, npm=bad)
    install_version("1.9.0", state, npm=a_registry(tmp_path / "older", "1.9.0"))
    beside_an_older_one = [one.version for one in list_refusals(state)]
    seen = read_library(state).seen
    install_version("2.0.1", state, npm=a_registry(tmp_path / "newer", "2.0.1"))

    assert beside_an_older_one == ["2.0.0"]
    assert "refused 2.0.0" in seen
    assert list_refusals(state) == ()


def test_an_archive_that_is_not_the_registrys_is_refused(tmp_path: Path) -> None:
    npm = a_registry(tmp_path / "npm", "1.9.0", integrity="sha512-AAAA")

    with pytest.raises(Refused, match="integrity"):
        install_version("1.9.0", tmp_path / "state", npm=npm)
    assert list_versions(tmp_path / "state") == frozenset()


def test_integrity_is_that_of_sha_512_alone() -> None:
    sha1 = "sha1-" + base64.b64encode(hashlib.sha1(b"x").digest()).decode()

    with pytest.raises(Refused):
        check_integrity(b"x", sha1)


@pytest.mark.parametrize("version", ["", "../1.0.0", "1.0", "--help", "latest;x", "git+ssh://x"])
def test_what_is_no_version_never_reaches_npm(tmp_path: Path, version: str) -> None:
    with pytest.raises(Refused, match="no version"):
        install_version(version, tmp_path, npm="/nowhere/npm")


def test_without_npm_it_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"Node\.js"):
        install_version("latest", tmp_path, npm="/nowhere/npm")


def test_what_npm_says_is_handed_on(tmp_path: Path) -> None:
    program = tmp_path / "npm"
    program.write_text(
        '#!/bin/sh\necho \'{"error": {"summary": "No match found for version 9.9.9"}}\'; exit 1\n'
    )
    program.chmod(0o755)

    with pytest.raises(Refused, match="No match found"):
        install_version("9.9.9", tmp_path / "state", npm=str(program))


def test_a_bad_script_in_the_state_directory_is_left_out(tmp_path: Path) -> None:
    state = tmp_path / "state"
    install_version("1.9.0", state, npm=a_registry(tmp_path / "npm", "1.9.0"))
    (state / "scripts" / "9.9.9.js").write_bytes(b"nonsense")
    library = open_library(tmp_path / "nowhere", state)

    assert library.scripts.keys() == {"1.9.0"}
    assert library.seen == {"1.9.0", "9.9.9"}


def test_versions_are_ordered_by_their_numbers() -> None:
    versions = ["1.10.0", "1.9.2", "1.10.0-beta.1", "2.0.0"]

    assert sorted(versions, key=order_of) == ["1.9.2", "1.10.0-beta.1", "1.10.0", "2.0.0"]
