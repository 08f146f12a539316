"""A vantage6 4.x server: what comes in, what goes out, and REST between."""
