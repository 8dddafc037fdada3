"""The floor: an aiohttp application on uvloop that looks nothing up.

Run as python -m bench.bare FILE. Its one route has the shape of the real one, and returns the JSON object in
FILE. It says where it answers on standard error, and ends with a signal.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import uvloop
from aiohttp import web

ROUTE = "/0.1/directories/reverse/{profile}/{user_uuid}"


async def serve(body: dict[str, object]) -> None:
    """Answer every question with this."""

    async def reverse(_: web.Request) -> web.Response:
        return web.json_response(body)

    app = web.Application()
    app.router.add_get(ROUTE, reverse)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    print(f"ready: http://127.0.0.1:{port}", file=sys.stderr, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(json.loads(Path(sys.argv[1]).read_bytes())))
