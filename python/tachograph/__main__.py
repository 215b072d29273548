"""`python -m tachograph` is the native command `tacho` that came with this package."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

COMMAND = "tacho"


def candidates() -> Iterator[Path]:
    """Where the command may be: what the installer wrote down, beside the interpreter, the scripts folders."""
    try:
        files = metadata.files("tachograph") or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == COMMAND and file.parent.name in ("bin", "scripts", "Scripts"):
            yield Path(str(file.locate())).resolve()
    yield Path(sys.executable).parent / COMMAND
    for scheme in sysconfig.get_scheme_names():
        if scheme.startswith(os.name):
            yield Path(sysconfig.get_path("scripts", scheme)) / COMMAND


def main() -> int:
    for path in candidates():
        if path.is_file() and os.access(path, os.X_OK):
            sys.stdout.flush()
            os.execv(path, [str(path), *sys.argv[1:]])
    print(f"python -m tachograph: the command {COMMAND} is not part of this installation", file=sys.stderr)
    return 4


if __name__ == "__main__":
    sys.exit(main())
