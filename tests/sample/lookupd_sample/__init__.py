"""Plugins from outside: written as the developer guide writes them, with only the imports changed."""
