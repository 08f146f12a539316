"""PURE: the audit trail: its entries, the chain of their hashes, and the verification of both."""
