"""An application around Django's, as those are that route WebSockets elsewhere."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any  # Any: scopes hold anything

from django_project.asgi import application as django  # type: ignore[import-not-found]  # beside us where it is served


async def application(
    scope: MutableMapping[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
) -> None:
    if scope["type"] == "http":
        await django(scope, receive, send)
