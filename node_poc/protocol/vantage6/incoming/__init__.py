"""From the server's list of open runs to runs of the engine."""
