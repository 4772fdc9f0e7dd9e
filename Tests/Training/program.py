"""What the scripts that train with segmentd have in common."""

import contextlib
import pathlib
import subprocess
import sys
import tempfile


def call(segmentd, *arguments):
    """Runs segmentd; ends this program where that fails."""
    result = subprocess.run([segmentd, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    if result.returncode != 0:
        sys.exit(f"segmentd {arguments[0]} ended with {result.returncode}")


@contextlib.contextmanager
def output_folder(path):
    """The folder that is asked for, which must be new or empty; else one that goes away."""
    if path is None:
        with tempfile.TemporaryDirectory(prefix="segmentd-") as name:
            yield pathlib.Path(name).resolve()
        return
    path.mkdir(parents=True, exist_ok=True)
    if any(path.iterdir()):
        sys.exit(f"{path}: is not empty; name a new folder")
    yield path.resolve()
