"""Asks image registries for the digests behind tags and for signatures of images."""
