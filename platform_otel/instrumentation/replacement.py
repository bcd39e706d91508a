"""What of a library is replaced by ours, and put back."""

from typing import Any  # Any: classes and modules of libraries, and what they have


def replace(owner: Any, name: str, ours: Any, original: Any) -> None:
    """Put ours in the place of the original."""
    ours.platform_trace_original = original
    setattr(owner, name, ours)


def restore(owner: Any, name: str) -> None:
    """Put the original back, unless something has been put around ours since."""
    # Not getattr: what is there may be a descriptor, which would do its work.
    there = vars(owner).get(name)
    if hasattr(there, "platform_trace_original"):
        setattr(owner, name, there.platform_trace_original)
