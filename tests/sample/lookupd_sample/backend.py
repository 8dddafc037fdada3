"""A back-end with no base class, no types, and no trailing `args` where the guide leaves them out."""

import logging

logger = logging.getLogger(__name__)

CONTACTS = [
    {"id": 1, "name": "Alice Dummy", "number": "+33 1 99 00 77 01"},
    {"id": 2, "name": "Bob Dummy", "number": "01 99 00 77 02"},
]


class DummyBackend:
    def name(self):
        return "dummy"

    def load(self, args):
        logger.info("dummy loaded with %s", sorted(args["config"]))

    def unload(self):
        logger.info("dummy unloaded")

    def search(self, term, args):
        return [contact for contact in CONTACTS if term.lower() in contact["name"].lower()]

    def first_match(self, exten, args):
        return next((contact for contact in CONTACTS if contact["number"] == exten), None)

    def list(self, unique_ids):
        return [contact for contact in CONTACTS if str(contact["id"]) in unique_ids]
