"""The world `calc` of `calc.wit`, for componentize-py."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import log, types


class Ops(exports.Ops):
    def add(self, a, b):
        return a + b

    def area(self, s):
        match s:
            case types.Shape_Circle(r):
                return 3.0 * r * r
            case types.Shape_Rect(p):
                return p.x * p.y
        return 0.0

    def greet(self, name):
        log.log(types.Color.GREEN, "greeting " + name)
        return f"Hello, {name}!"

    def words(self, s):
        return [(word, len(word)) for word in s.split()]

    def parse(self, s):
        try:
            return int(s)
        except ValueError as error:
            raise Err(str(error)) from None

    def opt(self, x):
        return None if x is None else x + 1

    def nested(self, x):
        return x

    def cycle(self, c):
        return types.Color((c.value + 1) % 3)

    def caps(self, p):
        return p | types.Perm.EXEC

    def reverse(self, data):
        return bytes(reversed(data))

    def sum(self, data):
        return sum(data)

    def middle(self, points):
        count = len(points)
        return types.Point(sum(p.x for p in points) / count, sum(p.y for p in points) / count)
