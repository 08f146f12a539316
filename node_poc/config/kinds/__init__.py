"""PURE: a module for each kind of server; ``registry.py`` lists the kinds."""
