"""A service that lists a few words, and knows which sources there are."""

from lookupd import BaseServicePlugin


class DummyServicePlugin(BaseServicePlugin):
    def load(self, args):
        self._service = DummyService(sorted(args["sources"]))
        return self._service

    def unload(self):
        self._service = None


class DummyService:
    def __init__(self, sources):
        self._sources = sources

    def list(self):
        return ["one", "two", *self._sources]
