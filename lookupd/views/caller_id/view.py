"""The routes for PBXes.

Rule: whatever goes wrong has an empty body, as many of them show any body as the name.
"""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Final

from typing_extensions import override

from lookupd.errors import GuestUnknown, LookupdError, QuestionError, StateUnusable, Throttled
from lookupd.plugins import BaseViewPlugin, ViewArgs
from lookupd.setting import switch
from lookupd.views.caller_id.caller import Callers
from lookupd.views.caller_id.crm import Crm
from lookupd.views.caller_id.opencnam import OpenCnam
from lookupd.views.caller_id.plain import Plain, text
from lookupd.views.caller_id.settings import Settings
from lookupd.views.complaint import Complaints

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    Answering = Callable[[web.Request], Awaitable[web.StreamResponse] | web.StreamResponse]
    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

logger = logging.getLogger(__name__)

#: what stands before a path for those who have a secret
SECRET: Final = "/p/{secret:[^/]+}"  # noqa: S105 - its place
#: text of a path that may be empty, so that a number nobody sent is nobody's
_NUMBER: Final = "{number:[^/]*}"
_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="lookupd", charset="UTF-8"'}


class CallerIdView(BaseViewPlugin):
    """Names of callers, for whoever is admitted as a guest."""

    config_model = Settings

    @override
    def load(self, args: ViewArgs, /) -> None:
        settings = Settings.model_validate(switch(args["config"].get("caller_id")))
        guests = args["guests"]
        complain = Complaints(logger, "caller names").tell
        callers = Callers(args["services"]["reverse"], guests, settings, complain)
        plain, opencnam = Plain(callers, settings), OpenCnam(callers, settings)
        crm = Crm(callers, guests, settings)
        routes: dict[str, Answering] = {
            "/cid": plain.get,
            f"/cid/{_NUMBER}": plain.get,
            f"/{{version:v2|v3}}/phone/{_NUMBER}": opencnam.get,
            "/crm": crm.get,
            "/crm/3cx.xml": crm.template,
        }
        for path, answering in routes.items():
            for prefix in ("", SECRET):
                args["http_app"].router.add_get(prefix + path, quiet(answering, complain))


def quiet(answering: Answering, complain: Callable[[str], None]) -> Handler:
    """The same, with an empty body and a header for whatever goes wrong."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            reply = answering(request)
            return await reply if inspect.isawaitable(reply) else reply
        except GuestUnknown:
            # A secret of the path is looked for like a page: it is there, or it is not.
            is_hidden = "secret" in request.match_info
            return _failed("guest", 404) if is_hidden else _failed("guest", 401, **_CHALLENGE)
        except Throttled as error:
            return _failed("guest", 429, **{"Retry-After": str(int(error.seconds) + 1)})
        except QuestionError as error:
            complain(str(error))
            return _failed("question", 404)
        except LookupdError as error:
            if not isinstance(error, StateUnusable):  # which the log has told, once
                logger.error("a caller's name could not be asked for: %s", error)  # noqa: TRY400 - it tells all
            return _failed("lookupd", 503)
        except Exception:
            # Not left to those who answer JSON, which would be shown as a name; and the path, which the log
            # of others has, may hold a secret.
            logger.exception("a question for a caller's name failed")
            return _failed("lookupd", 500)

    return handle


def _failed(what: str, status: int, **headers: str) -> web.Response:
    return text("", {"X-Lookupd-Failed": what, **headers}, status)
