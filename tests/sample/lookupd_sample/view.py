"""A view that answers pong, and one that breaks after it has added a resource."""

from lookupd import BaseViewPlugin


class PingViewPlugin(BaseViewPlugin):
    name = "ping"

    def load(self, args):
        PingView.service = args["services"]["dummy"]
        args["rest_api"].add_resource(PingView, "/directories/ping")
        args["rest_api"].add_resource(DummyView, "/0.1/directories/dummy/<string:word>")

    def unload(self):
        PingView.service = None


class PingView:
    def get(self):
        return {"message": "pong"}


class DummyView:
    def get(self, word):
        return ({"word": word, "list": PingView.service.list()}, 203)


class HalfViewPlugin(BaseViewPlugin):
    def load(self, args):
        args["rest_api"].add_resource(PingView, "/directories/half")
        msg = "no second half"
        raise RuntimeError(msg)
