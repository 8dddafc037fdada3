"""The synced contacts and numbers on disk; can always be rebuilt. Only `lookupd.sync` writes it."""
