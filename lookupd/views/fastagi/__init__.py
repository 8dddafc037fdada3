"""Caller names for Asterisk over FastAGI: the dialplan asks, and goes on at once whatever comes of it."""

from lookupd.views.fastagi.view import FastAgiView

__all__ = ["FastAgiView"]
