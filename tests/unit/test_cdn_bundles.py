import gzip
from pathlib import Path

from firstparty.cdn.bundles import PACKAGE, open_library, read_bundle

STANDALONE = (
    b'"__WRITE_KEY__" "https://cdn.segment.com" "https://cdn.segment.com" '
    b'"https://cdn.segment.com" "api.segment.io/v1"'
)


def install(packages: Path, version: str, *, chunk: str, standalone: bytes = STANDALONE) -> None:
    folder = packages / PACKAGE / "dist" / "umd"
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    (packages / PACKAGE / "package.json").write_text(f'{{"version": "{version}"}}')
    (folder / "standalone.js").write_bytes(standalone)
    (folder / f"{chunk}.js").write_bytes(b"let a")
    (folder / f"{chunk}.js.gz").write_bytes(gzip.compress(b"let a"))
    (folder / "index.js").write_bytes(b"not a chunk")


def test_chunks_of_every_version_ever_served_stay(tmp_path: Path) -> None:
    install(tmp_path, "1.0.0", chunk="a.bundle.11")
    open_library(tmp_path, tmp_path / "state")
    install(tmp_path, "1.1.0", chunk="a.bundle.22")
    library = open_library(tmp_path, tmp_path / "state")

    assert library.script is not None
    assert library.script.version == "1.1.0"
    assert sorted(library.bundles) == [
        "a.bundle.11.js",
        "a.bundle.11.js.gz",
        "a.bundle.22.js",
        "a.bundle.22.js.gz",
    ]


def test_a_version_that_cannot_be_patched_leaves_the_last_good_one(tmp_path: Path) -> None:
    install(tmp_path, "1.0.0", chunk="a.bundle.11")
    open_library(tmp_path, tmp_path / "state")
    install(tmp_path, "2.0.0", chunk="a.bundle.22", standalone=STANDALONE * 2)
    library = open_library(tmp_path, tmp_path / "state")

    assert library.script is not None
    assert library.script.version == "1.0.0"
    assert "a.bundle.11.js" in library.bundles
    assert "a.bundle.22.js" not in library.bundles


def test_a_package_that_went_missing_leaves_the_last_good_one(tmp_path: Path) -> None:
    install(tmp_path, "1.0.0", chunk="a.bundle.11")
    open_library(tmp_path, tmp_path / "state")
    library = open_library(tmp_path / "nowhere", tmp_path / "state")

    assert library.script is not None
    assert library.script.text == STANDALONE.decode()


def test_without_any_package_there_is_no_script(tmp_path: Path) -> None:
    library = open_library(tmp_path / "nowhere", tmp_path / "state")

    assert library.script is None
    assert library.bundles == {}


def test_a_version_that_is_a_path_is_refused(tmp_path: Path) -> None:
    install(tmp_path, "../../evil", chunk="a.bundle.11")
    library = open_library(tmp_path, tmp_path / "state")

    assert library.script is None


def test_an_unfinished_copy_is_not_served(tmp_path: Path) -> None:
    install(tmp_path, "1.0.0", chunk="a.bundle.11")
    (tmp_path / "state" / "bundles").mkdir(parents=True)
    (tmp_path / "state" / "bundles" / ".a.bundle.33.js.4711").write_bytes(b"let")
    library = open_library(tmp_path, tmp_path / "state")

    assert not [name for name in library.bundles if "33" in name]


def test_a_bundle_and_its_gz_name_have_javascript_inside(tmp_path: Path) -> None:
    install(tmp_path, "1.0.0", chunk="a.bundle.11")
    library = open_library(tmp_path, tmp_path / "state")
    plain = read_bundle(library.bundles["a.bundle.11.js"])
    gzipped = read_bundle(library.bundles["a.bundle.11.js.gz"])

    assert plain.content_type == gzipped.content_type == "text/javascript; charset=utf-8"
    assert gzip.decompress(gzipped.body) == plain.body
    assert gzipped.always_gzipped
    assert "immutable" in plain.cache_control
