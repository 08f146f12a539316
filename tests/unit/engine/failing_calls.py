"""Calls that fail at first, and a pool that makes each call on submission."""


class InstantPool:
    """A pool that makes each call on submission."""

    def submit(self, call, *arguments):
        call(*arguments)


class Failing:
    """A call that raises the given errors in turn and then succeeds."""

    def __init__(self, *errors):
        self.errors, self.calls = list(errors), 0

    def __call__(self):
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
