"""Measurements of lookupd, and the floors they are ratios to: python -m bench.run."""
