"""`harness new-strategy`: write a plugin, and say what to do with it."""

import shlex
from pathlib import Path
from typing import Any

from harness.scaffold.package import Package, package, write


def new_strategy(name: str, directory: Path, show: bool) -> dict[str, Any]:
    """Write the package of a new strategy; return the JSON document."""
    new = package(name, directory)
    write(new)
    if show:
        print(_next_steps(new))
    return {"name": name, "directory": str(new.folder.resolve()), "files": sorted(new.files)}


def _next_steps(new: Package) -> str:
    folder, module = shlex.quote(str(new.folder)), shlex.quote(str(new.module))
    return f"""\
{new.folder} holds a strategy that works as it stands; edit {new.module.name}.

Try it as it is:
  harness run {new.name} --plugin {module}
Install it, so that it has its name everywhere:
  pip install -e {shlex.quote(f"{new.folder}[test]")}
Hold it against the laws that every strategy must keep:
  pytest {folder}"""
