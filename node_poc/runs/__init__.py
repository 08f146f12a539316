"""PURE: the model of a run, its states, the next state after an observation, and failure causes."""
