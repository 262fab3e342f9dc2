"""Frozen values as plain ones, for JSON, and back by what their classes say of themselves. Pure.

An object is a mapping of its fields, an enum its word, a tuple a list, and a mapping a list of pairs, for its keys may
be tuples. Nothing but the class that is asked for, and what its fields are of, is ever made. Processes may be of a
newer and an older program: a field that is not known here is passed over, and one that is missing has its default.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
Read = Callable[[Any], Any]
SIMPLE: Mapping[object, tuple[type, ...]] = {str: (str,), int: (int,), float: (float, int), bool: (bool,)}


def to_plain(value: Any) -> Any:
    """What JSON has a form for. Numbers are finite."""
    kind: Any = type(value)
    if kind in (str, float, int, bool) or value is None:
        return value
    if kind in (tuple, list):
        return [to_plain(one) for one in value]
    if (names := _fields(kind)) is not None:
        return {name: to_plain(getattr(value, name)) for name in names}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return [[to_plain(key), to_plain(one)] for key, one in value.items()]
    raise TypeError(f"{kind.__name__} has no plain form")


def from_plain(kind: type[T], value: Any) -> T:
    """Raises `ValueError`."""
    wanted: Any = kind
    try:
        found: T = _reader(wanted)(value)
    except (TypeError, KeyError, AttributeError) as wrong:
        raise ValueError(f"no {kind}: {wrong!r}") from None
    return found


@cache
def _fields(kind: Any) -> tuple[str, ...] | None:
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None


@cache
def _reader(kind: Any) -> Read:
    """What reads one of a kind; made once for each."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind in SIMPLE:
        return _simple(SIMPLE[kind])
    if origin in (types.UnionType, typing.Union):
        return _one_of(parts)
    if origin is tuple:
        return _tuple(parts)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, one = map(_reader, parts)
        return lambda value: {key(name): one(found) for name, found in value}
    if dataclasses.is_dataclass(kind):
        return _object(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    raise TypeError(f"{kind} has no plain form")


def _simple(kinds: tuple[type, ...]) -> Read:
    def read(value: Any) -> Any:
        if type(value) not in kinds:
            raise ValueError(f"{value!r:.40} is no {kinds[0].__name__}")
        return value

    return read


def _one_of(kinds: tuple[Any, ...]) -> Read:
    """Nothing, where that is among them, or the first that it can be."""
    readers = tuple(_reader(kind) for kind in kinds if kind is not types.NoneType)
    empty = types.NoneType in kinds

    def read(value: Any) -> Any:
        if value is None and empty:
            return None
        for reader in readers[:-1]:
            try:
                return reader(value)
            except ValueError:
                continue
        return readers[-1](value)

    return read


def _tuple(kinds: tuple[Any, ...]) -> Read:
    if kinds[1:] == (...,):
        one = _reader(kinds[0])
        return lambda value: tuple(map(one, value))
    readers = tuple(map(_reader, kinds))
    return lambda value: tuple(reader(one) for reader, one in zip(readers, value, strict=True))


def _object(kind: Any) -> Read:
    hints = typing.get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in dataclasses.fields(kind)}

    def read(value: Any) -> Any:
        return kind(**{name: reader(value[name]) for name, reader in readers.items() if name in value})

    return read
