"""The engine: takes each run from the server's request to the delivered result."""
