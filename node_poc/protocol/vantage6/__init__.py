"""The adapter for a vantage6 4.x server: incoming runs, outgoing results, and the REST client."""
