"""HTTP requests to the vantage6 server, and the meaning of the server's answers."""
