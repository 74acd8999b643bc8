from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from firstparty.api.app import build_app
from firstparty.cli.main import app
from firstparty.config.settings import Settings
from firstparty.store.engine import Store
from firstparty.store.sealing import Sealer

DOCS = Path(__file__).parents[2] / "docs"
METHODS = {"get", "post", "delete", "put", "patch"}


def commands(command: Any, name: str) -> Iterator[str]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name
        return
    for child, inner in children.items():
        if not inner.hidden:
            yield from commands(inner, f"{name} {child}")


def test_every_command_is_on_its_page() -> None:
    page = (DOCS / "cli.md").read_text()
    names = list(commands(get_command(app), "firstparty"))

    assert len(names) >= 18
    assert [name for name in names if f"`{name}" not in page] == []


def test_every_operation_is_on_its_page(tmp_path: Path) -> None:
    page = (DOCS / "api.md").read_text()
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    paths = build_app(store=store, settings=Settings(), sealer=Sealer(bytes(32))).openapi()["paths"]
    names = [
        f"`{method.upper()} {path}`"
        for path, operations in paths.items()
        for method in METHODS & set(operations)
    ]
    store.close()

    assert len(names) >= 19
    assert [name for name in names if name not in page] == []
