"""Which requests make no spans."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

# Asked for every few seconds by whoever watches over a service, and of no interest to anybody else.
_HEALTH_CHECKS = ("/healthz", "/livez", "/readyz", "/health", "/metrics")
# With a slash at the end too: some frameworks send whoever asks for one to the other.
HEALTH_CHECKS = frozenset((*_HEALTH_CHECKS, *(f"{path}/" for path in _HEALTH_CHECKS)))

Matches = Callable[[str], object]
Request = TypeVar("Request")


class Exclusion:
    """What the settings leave out: paths that are exactly these, and addresses in which a pattern is found."""

    __slots__ = ("paths", "search")

    def __init__(self, paths: frozenset[str], patterns: Sequence[str]) -> None:
        self.paths = paths
        self.search: Matches | None = re.compile("|".join(patterns)).search if patterns else None

    def of(self, request: Request, path: str, root: str | None, address: Callable[[Request], tuple[str, str]]) -> bool:
        """Whether a request to a server is left out.

        Args:
            request: whatever the server has for one.
            path: its whole path.
            root: where the application is served, which may be what the path begins with.
            address: gives the address of a request without its query, and the query. Asked only if there are patterns.
        """
        if path in self.paths or (root and path.startswith(root) and path[len(root) :] in self.paths):
            return True
        return self.search is not None and self.of_url(*address(request))

    def of_url(self, url: str, query: str = "") -> bool:
        """Whether a pattern is found in the address, without its query or with it."""
        if self.search is None:
            return False
        return self.search(url) is not None or (query != "" and self.search(f"{url}?{query}") is not None)
