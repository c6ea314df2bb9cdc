"""The resource of the interface `ops`, for componentize-py."""

from wit_world.exports import ops


class Counter(ops.Counter):
    def __init__(self, start):
        self.value = start

    def incr(self, by):
        self.value += by
        return self.value

    def get(self):
        return self.value

    @classmethod
    def both(cls, a, b):
        return a.value + b.value
