"""A service of Falcon's by ASGI."""

from typing import Any  # Any: not every Falcon is typed

import falcon.asgi


class Hello:
    async def on_get(self, request: Any, response: Any, name: str) -> None:
        response.text = f"hello {name}"


app: Any = falcon.asgi.App()
app.add_route("/hello/{name}", Hello())
