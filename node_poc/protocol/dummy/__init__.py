"""The proof of concept's Socket.IO server."""
