"""Fuzzing: what must hold for any input, and a driver that looks for one for which it does not."""
