"""Looks into every drawer of an object: all that it holds, as plain values that can be compared."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import is_dataclass
from enum import Enum
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

from rabta_proto.unread import FromWire

_CALLABLES = (MethodType, BuiltinMethodType, FunctionType)


def held_by(thing: Any, without: frozenset[str] = frozenset()) -> Any:
    """Everything, at any depth, under the names of attributes; a callable by its name, for it holds nothing."""
    if isinstance(thing, Enum | str | int | float | bytes | None.__class__):
        return thing
    if isinstance(thing, (*_CALLABLES, type)):
        return thing.__name__
    if isinstance(thing, Mapping):
        pairs = [(held_by(key), held_by(value, without)) for key, value in thing.items()]
        return Counter(dict(pairs)) if isinstance(thing, Counter) else pairs
    if isinstance(thing, set | frozenset):
        return {held_by(one) for one in thing}
    if isinstance(thing, list | tuple | deque):
        return [held_by(one, without) for one in thing]
    names = [*getattr(thing, "__dict__", ()), *_slots(type(thing))]
    if not names and not is_dataclass(thing):
        return repr(thing)
    return {name: held_by(getattr(thing, name), without) for name in names if name not in without}


def _slots(kind: type) -> list[str]:
    """What a measurement knows beside its fields is made again, and not held."""
    kinds = [base for base in kind.__mro__ if base is not FromWire]
    return [name for base in kinds for name in getattr(base, "__slots__", ()) if name != "__weakref__"]
