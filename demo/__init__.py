"""The proof of concept's story as one command: ``make demo``."""
