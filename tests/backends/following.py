"""Who follows a directory through its changes, as a sync does."""

from lookupd import CursorExpired


class Follower:
    """Keeps the rows of a back-end by their ids, asking only for what changed."""

    def __init__(self, plugin, unique_column="entryUUID"):
        self._plugin = plugin
        self._unique = unique_column
        self.cursor = None
        self.rows = {}
        #: how the last run went: whether all was listed, and what was told
        self.was_full = False
        self.told = []
        self.gone = []

    def follow(self):
        """One run; where the cursor has expired, one that lists everything."""
        try:
            self._keep(self._plugin.changes(self.cursor))
        except CursorExpired:
            assert self.cursor is not None
            self.cursor = None
            self._keep(self._plugin.changes(None))

    def _keep(self, changes):
        self.was_full = self.cursor is None
        self.told = [dict(row) for row in changes.rows]
        self.gone = list(changes.gone)
        kept = {} if self.was_full else dict(self.rows)
        kept |= {row[self._unique]: row for row in self.told}
        self.rows = {uid: row for uid, row in kept.items() if uid not in self.gone}
        self.cursor = (changes.cursor() if callable(changes.cursor) else changes.cursor) or None

    def listed(self):
        """What it should have."""
        return {row[self._unique]: dict(row) for row in self._plugin.list_all()}
