"""A file system that is soon full."""

import contextlib
import subprocess


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of so many bytes; None where the system does not let us have one."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True).returncode != 0:
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def enlarge(folder, size):
    """Gives it so many bytes in all."""
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
