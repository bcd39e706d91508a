"""Which requests make no spans."""

import re
from collections.abc import Callable, Sequence

# Asked for every few seconds by whoever watches over a service, and of no interest to anybody else.
HEALTH_CHECKS = frozenset(("/healthz", "/livez", "/readyz", "/health", "/metrics"))

Matches = Callable[[str], object]


class Exclusion:
    """What the settings leave out: paths that are exactly these, and addresses in which a pattern is found."""

    __slots__ = ("paths", "search")

    def __init__(self, paths: frozenset[str], patterns: Sequence[str]) -> None:
        self.paths = paths
        self.search: Matches | None = re.compile("|".join(patterns)).search if patterns else None

    def of_path(self, path: str, root: str) -> bool:
        """Whether this is one of the paths, with or without the root that the application is served under."""
        return path in self.paths or (root != "" and path.startswith(root) and path[len(root) :] in self.paths)

    def of_url(self, url: str, query: str = "") -> bool:
        """Whether a pattern is found in the address, without its query or with it."""
        if self.search is None:
            return False
        return self.search(url) is not None or (query != "" and self.search(f"{url}?{query}") is not None)
