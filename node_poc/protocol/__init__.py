"""The adapters for each kind of server. No other folder of the node talks to a server."""
