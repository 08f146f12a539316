"""The error of everything that reads the configuration."""


class ConfigError(Exception):
    """The configuration cannot be used. The text is for the author of the file."""
