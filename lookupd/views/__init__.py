"""Views: each shows services to the world in one format."""
