from pathlib import Path

import pytest

from firstparty.store.sealing import SealBroken, Sealer, load_sealer


def test_what_was_sealed_opens_under_its_own_context_only() -> None:
    sealer = Sealer(b"k" * 32)
    sealed = sealer.seal(b"secret", context="certificate:1")

    assert sealer.open(sealed, context="certificate:1") == b"secret"
    with pytest.raises(SealBroken):
        sealer.open(sealed, context="certificate:2")


@pytest.mark.parametrize("position", [0, 1, 20, -1])
def test_a_changed_byte_is_noticed(position: int) -> None:
    sealer = Sealer(b"k" * 32)
    sealed = bytearray(sealer.seal(b"secret", context="x"))
    sealed[position] ^= 1

    with pytest.raises(SealBroken):
        sealer.open(bytes(sealed), context="x")


def test_the_key_file_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "keys" / "edge.key"
    sealed = load_sealer(file).seal(b"secret", context="x")

    assert load_sealer(file).open(sealed, context="x") == b"secret"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["edge.key"]
