"""The only folder that talks to a server."""
