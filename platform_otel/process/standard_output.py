"""Which file standard output is."""

import os


def file_identity(descriptor: int) -> str:
    """Device and inode of an open file, as "device:inode"; "closed" if there is none."""
    try:
        status = os.fstat(descriptor)
    except OSError:
        return "closed"
    return f"{status.st_dev}:{status.st_ino}"
