"""The engine: from a run that a server wants to a result that the server has."""
