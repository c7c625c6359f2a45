"""The build tree that is tested: $HOMEWARD_BUILD, else build/."""

import os
import pathlib

from .process import HarnessError


def build_directory():
    default = pathlib.Path(__file__).resolve().parents[2] / "build"
    return pathlib.Path(os.environ.get("HOMEWARD_BUILD", default)).resolve()


def binary(name):
    """Path of a program in the build tree."""
    for path in sorted(build_directory().rglob(name)):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise HarnessError(f"{name} is not built in {build_directory()}; set HOMEWARD_BUILD or run make")
