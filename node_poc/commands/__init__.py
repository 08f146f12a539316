"""The subcommands of ``python -m node_poc``: a module for each command, and helpers."""
