"""A vantage6 node that runs containers as Kubernetes Jobs; ``engine/engine.py`` is its centre."""

__version__ = "0.1.0"
