"""Shapes of JSON: what an answer of another tool's API has to look like."""

from __future__ import annotations

from typing import Any, NamedTuple

Shape = Any  # a type, a value, a list with the shape of its items, a dictionary of shapes, or one of these


class Maybe(NamedTuple):
    """A property that may be missing."""

    shape: Shape


class OneOf(NamedTuple):
    """One of several shapes."""

    shapes: tuple[Shape, ...]


class Each(NamedTuple):
    """An object whose properties all have this shape, whatever they are called."""

    shape: Shape


def differences(shape: Shape, value: Any, where: str = "it") -> list[str]:
    """What is not as it should be; properties that the shape does not name are among that."""
    if isinstance(shape, OneOf):
        return min((differences(each, value, where) for each in shape.shapes), key=len)
    if isinstance(shape, Each):
        shape = dict.fromkeys(value, shape.shape) if isinstance(value, dict) else dict
    if isinstance(shape, dict):
        return _of_object(shape, value, where)
    if isinstance(shape, list):
        if not isinstance(value, list):
            return [f"{where} is no list: {value!r}"]
        return [each for item in value for each in differences(shape[0], item, f"{where}[]")]
    if isinstance(shape, type):
        fits = isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
        return [] if fits else [f"{where} is no {shape.__name__}: {value!r}"]
    return [] if shape == value else [f"{where} is {value!r}, not {shape!r}"]


def _of_object(shape: dict[str, Shape], value: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where} is no object: {value!r}"]
    found = [f"{where} has {name}" for name in value if name not in shape]
    for name, inner in shape.items():
        if name in value:
            wanted = inner.shape if isinstance(inner, Maybe) else inner
            found += differences(wanted, value[name], f"{where}.{name}")
        elif not isinstance(inner, Maybe):
            found.append(f"{where} has no {name}")
    return found
