"""Reads the server's list of open runs and hands new runs to the engine."""
