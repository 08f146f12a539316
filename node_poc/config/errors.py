"""The error of everything that reads the configuration."""


class ConfigError(Exception):
    """The configuration cannot be used. Its text is for the person who wrote the file."""
