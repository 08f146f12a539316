"""The proxy: the one way from algorithms to the server's API, and the encryption on it.

PURE: `targets`, `tokens`, `headers`, `json_parts`, `refusals`, `task_inputs`, `results`, `stored`,
`framing`, `connections`. Everything else does input and output.
"""
