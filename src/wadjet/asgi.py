"""Components as ASGI applications.

from wadjet import Wasi, asgi

app = asgi.Component("app.wasm", wasi=Wasi())       # uvicorn module:app
"""

import os
from typing import Final, final

from wadjet.api.component import Component as Loaded
from wadjet.wasi.http.asgi import Event, Incoming, Receive, Send
from wadjet.wasi.service import Service, ServiceLimits
from wadjet.wasi.world import Wasi


@final
class Component:
    """An HTTP component (`wasi:http` of WASI 0.2 or 0.3) that any ASGI server can serve.

    `component` is a file or a `wadjet.Component`, `wasi` what it is granted, `limits` what a
    request may cost. It speaks the protocol `http`, and `lifespan`, at whose end its instances
    are closed. Raises `wadjet.Error` for a component that answers no requests.
    """

    def __init__(
        self,
        component: Loaded | str | os.PathLike[str],
        *,
        wasi: Wasi | None = None,
        limits: ServiceLimits | None = None,
        tier: str = "auto",
    ) -> None:
        loaded = component if isinstance(component, Loaded) else Loaded.from_file(component)
        self._service: Final = Service(loaded, wasi or Wasi(stdin=None), limits, tier=tier)

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Answer one request, or follow the server's life."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await Incoming(scope, receive, send).answer(self._service.handle)
        else:
            raise ValueError(f"a component speaks http, not {scope['type']}")

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            event = await receive()
            if event["type"] == "lifespan.shutdown":
                await self.close()
            await send({"type": f"{event['type']}.complete"})
            if event["type"] == "lifespan.shutdown":
                return

    async def close(self) -> None:
        """End all instances."""
        await self._service.close()
