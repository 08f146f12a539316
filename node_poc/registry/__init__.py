"""Asks image registries: which image a tag means, and who signed the image."""
