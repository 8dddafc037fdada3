"""One module for each parser and each sink; its `TARGET` takes bytes and raises when a promise is broken."""
