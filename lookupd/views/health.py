"""For those who watch the daemon: `/live` says that it runs, `/ready` that it can answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from lookupd.plugins import BaseViewPlugin, ViewArgs
from lookupd.rest import json_response

if TYPE_CHECKING:
    from aiohttp import web

    from lookupd.services.status import Status


class HealthView(BaseViewPlugin):
    """Two routes without authentication; they tell nothing that is confidential."""

    @override
    def load(self, args: ViewArgs, /) -> None:
        self._status: Status = args["services"]["status"]
        args["http_app"].router.add_get("/live", self._live)
        args["http_app"].router.add_get("/ready", self._ready)

    async def _live(self, _request: web.Request) -> web.Response:
        return json_response({"status": "ok"})

    async def _ready(self, _request: web.Request) -> web.Response:
        """503 only if the index cannot answer; sources in trouble are told, and are no reason for a 503."""
        if self._status.index_problem() is not None:
            return json_response({"status": "fail", "reasons": ["the index cannot be read"]}, 503)
        sources = await self._status.sources()
        reasons = [f"{source.name}: {source.complaint}" for source in sources if source.complaint]
        reasons += [f"{plugin}: does not load" for plugin in self._status.broken_plugins]
        if self._status.answers_problem() is not None:
            reasons.append("remembered answers cannot be written")
        if self._status.state_problem() is not None:
            reasons.append("state.db cannot be read, so tokens cannot be checked")
        return json_response({"status": "degraded" if reasons else "ok", "reasons": reasons})
