"""The subcommands of ``python -m node_poc``, one module a command."""
