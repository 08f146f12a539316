"""A vantage6 node whose containers are Kubernetes Jobs. Start reading at ``engine/engine.py``."""

__version__ = "0.1.0"
