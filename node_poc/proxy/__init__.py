"""The proxy: the only route from algorithms to the server's API, with encryption of the payloads.

PURE: `targets`, `tokens`, `headers`, `json_parts`, `refusals`, `task_inputs`, `results`, `stored`,
`framing`, `connections`. All other modules do input and output.
"""
