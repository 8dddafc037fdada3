"""The promises of lookupd, put to the test with real servers that fail: `make chaos`."""
