"""The proof of concept's demonstration as one command: ``make demo``."""
