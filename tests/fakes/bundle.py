"""What a bundler makes of a module and the npm packages it imports: one script for a page.

A small one for tests: CommonJS packages, resolved in ``node_modules`` as Node.js does, their
``browser`` fields obeyed where those name files.
"""

import json
import re
from pathlib import Path
from typing import Any

_REQUIRE = re.compile(r"require\(\s*(?:/\*.*?\*/)?\s*[\"']([^\"']+)[\"']\s*\)", re.DOTALL)
_IMPORT = re.compile(r"^import (\{[^}]+\}|\w+) from (\"[^\"]+\");$", re.MULTILINE)
_BUILT_IN = {"http", "https", "stream", "url", "zlib", "util", "buffer", "events"}


def bundle(module: str, packages: Path, *, json_files: dict[str, str] | None = None) -> str:
    """A script that runs ``module`` (ES imports of packages, at most one ``export const``).

    ``json_files`` are the texts of JSON files that it imports, by what it calls them.
    """
    entry = _IMPORT.sub(r"const \1 = require(\2);", module).replace("export const", "window.")
    entry = re.sub(r"window\. (\w+)", r"window.\1", entry)
    for name, text in (json_files or {}).items():
        entry = entry.replace(f'require("{name}")', f"({text})")
    modules: dict[str, str] = {}
    _collect(entry, packages, packages, modules)
    parts = [
        f"{json.dumps(name)}: function (module, exports, require) {{{code}\n}}"
        for name, code in modules.items()
    ]
    return (
        "(function (all) { var made = {}, process = { env: {} }, global = window;"
        "function from(name) { if (made[name]) return made[name].exports;"
        "var module = made[name] = { exports: {} };"
        "all[name](module, module.exports, from); return module.exports; }"
        f"(function (require) {{ {_named(entry, packages, packages)} }})(from);"
        "})({" + ",\n".join(parts) + "});"
    )


def _collect(code: str, folder: Path, packages: Path, modules: dict[str, str]) -> None:
    for wanted in _REQUIRE.findall(code):
        file = _resolve(wanted, folder, packages)
        if str(file) in modules:
            continue
        text = "" if file is None else file.read_text()
        if file is not None and file.suffix == ".json":
            text = f"module.exports = {text}"
        modules[str(file)] = ""
        if file is not None:
            modules[str(file)] = _named(text, file.parent, packages)
            _collect(text, file.parent, packages, modules)


def _named(code: str, folder: Path, packages: Path) -> str:
    """The code with each required module under the name that it has in the bundle."""
    return _REQUIRE.sub(
        lambda match: f"require({json.dumps(str(_resolve(match[1], folder, packages)))})", code
    )


def _resolve(wanted: str, folder: Path, packages: Path) -> Path | None:
    if wanted in _BUILT_IN:
        return None
    if wanted.startswith("."):
        return _file(folder / wanted)
    inner = folder
    while inner != packages.parent:
        if (inner / "node_modules" / wanted).exists():
            return _package(inner / "node_modules" / wanted)
        inner = inner.parent
    return _package(packages / wanted) if (packages / wanted).exists() else _file(packages / wanted)


def _package(folder: Path) -> Path:
    if not folder.is_dir() or not (folder / "package.json").exists():
        return _file(folder)
    facts: dict[str, Any] = json.loads((folder / "package.json").read_text())
    browser = facts.get("browser")
    main = browser if isinstance(browser, str) else facts.get("main", "index.js")
    return _file(folder / main)


def _file(path: Path) -> Path:
    for candidate in (path, path.with_name(path.name + ".js"), path / "index.js"):
        if candidate.is_file():
            return candidate.resolve()
    raise FileNotFoundError(path)
