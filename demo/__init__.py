"""``make demo``: the demonstration of the proof of concept in a single command."""
