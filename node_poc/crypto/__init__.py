"""PURE: vantage6's payload format and keys. Bytes in, bytes out; no files, no network."""
