"""PURE: the kinds of servers, each described by one object; ``registry.py`` lists them."""
