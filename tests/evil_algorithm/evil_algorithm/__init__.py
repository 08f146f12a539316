"""The tests' hostile algorithm: tries attacks, and reports which of them succeeded."""
