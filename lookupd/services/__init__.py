"""Services: each answers one kind of question, using sources."""
