"""Things that have the right form and the wrong content: what gets past a parser and into what comes after it.

Mutated bytes are mostly refused at the door. These are messages whose fields hold odd values, JSON with odd nodes, and
TOML with odd values. Pure: a seed gives the same for ever.
"""

import json
from copy import deepcopy
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_TEXTS = (
    *(
        "",
        "x",
        "x.com",
        "https://x.com/",
        "dns:x.com",
        "tcp://10.0.0.1:1",
        "127.0.0.1",
        "::1",
        "fe80::1%a",
        "A",
        "AAAA",
    ),
    *(
        "\x00",
        "\U0001f600",
        "a" * 5000,
        "%s%n",
        "../../etc",
        "connection_reset",
        "ptcl",
        "1.2.3.4:99999",
        "\u202e",
        "é",
    ),
)
_INTEGERS = (0, 1, 2, 3, 7, 443, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63 - 1, 2**63, 2**64 - 1)
_NODES: tuple[object, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        1e308,
        -1e308,
        2**70,
        "",
        "x",
        "2024-99-99 00:00:00",
        "a" * 3000,
        "\x00",
        "\ud800",
    ),
    *([], {}, [None], [[[]]], {"a": None}, [1, "x", {}], {"data": "!!", "format": "base64"}, {"": {"": {}}}),
)
_VALUES = (
    *(
        "0",
        "-1",
        "1e400",
        "inf",
        "-inf",
        "nan",
        "9" * 400,
        "0x7f",
        "true",
        '""',
        '"\\u0000"',
        "[]",
        "{}",
        "[[]]",
        "[{}]",
    ),
    *(
        "1979-05-27",
        "1979-05-27T07:32:00Z",
        "07:32:00",
        '"a"',
        '["a", 1]',
        "{ a = 1 }",
        '"' + "b" * 5000 + '"',
        "'\U0001f600'",
    ),
    *(
        '"10s"',
        '"-1s"',
        '"1e99s"',
        '"99999999999d"',
        '"https://x.com:0/"',
        '"http://[::1"',
        '"0.0.0.0:0"',
        "1_000",
        "0.1",
    ),
)


def fill(message: Message, rng: Random, depth: int = 0) -> Message:
    """Fills a message with some of its fields, each within the wire's own bounds."""
    for field in message.DESCRIPTOR.fields:
        if rng.random() < (0.3 if depth else 0.05):
            continue
        times = rng.choice((1, 1, 2, 5)) if field.is_repeated else 1
        for _ in range(times):
            _put(message, field, rng, depth)
    return message


def _put(message: Message, field: FieldDescriptor, rng: Random, depth: int) -> None:
    if field.message_type is not None:
        if depth < 6:
            inner = getattr(message, field.name)
            target = inner.add() if field.is_repeated else inner
            target.SetInParent()
            fill(target, rng, depth + 1)
        return
    value = _value(field, rng)
    if field.is_repeated:
        getattr(message, field.name).append(value)
    else:
        setattr(message, field.name, value)


def _value(field: FieldDescriptor, rng: Random) -> Any:
    number = rng.choice(_INTEGERS)
    match field.cpp_type:
        case FieldDescriptor.CPPTYPE_STRING:
            text = rng.choice(_TEXTS)
            return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
        case FieldDescriptor.CPPTYPE_BOOL:
            return rng.random() < 0.5
        case FieldDescriptor.CPPTYPE_DOUBLE | FieldDescriptor.CPPTYPE_FLOAT:
            return rng.choice((0.0, -1.0, 1e38, float("nan"), float("inf")))
        case FieldDescriptor.CPPTYPE_ENUM:
            return rng.choice((0, 1, 2, 3, 99, -1, 2**31 - 1))
        case FieldDescriptor.CPPTYPE_UINT32:
            return number % 2**32
        case FieldDescriptor.CPPTYPE_UINT64:
            return number
        case FieldDescriptor.CPPTYPE_INT32:
            return number % 2**32 - 2**31
        case _:
            return number - 2**63


def bend_json(data: bytes, rng: Random) -> bytes:
    """A JSON document with one to six of its nodes replaced; data that is none, as it is."""
    try:
        root = json.loads(data)
    except ValueError:
        return data
    for _ in range(rng.choice((1, 1, 2, 6))):
        _bend(root, rng)
    return json.dumps(root).encode()


def _bend(node: Any, rng: Random) -> None:
    """Walks down at random, and replaces, removes or doubles what it comes to."""
    while isinstance(node, dict | list) and node:
        key = rng.choice(list(node)) if isinstance(node, dict) else rng.randrange(len(node))
        child = node[key]
        if isinstance(child, dict | list) and child and rng.random() < 0.8:
            node = child
            continue
        match rng.randrange(4):
            case 0:
                del node[key]
            case 1 if isinstance(node, list):
                node += [deepcopy(child) for _ in range(rng.choice((1, 300)))]
            case _:
                node[key] = deepcopy(rng.choice(_NODES))
        return


def bend_toml(data: bytes, rng: Random) -> bytes:
    """TOML with one to four of its lines changed: another value, another key, twice, or gone."""
    lines = data.decode("utf-8", "replace").splitlines()
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(lines))
        key, equals, _ = lines[at].partition("=")
        match rng.randrange(5):
            case 0:
                lines.insert(at, lines[at])
            case 1 if len(lines) > 1:
                del lines[at]
            case 2 if equals:
                lines[at] = f"{rng.choice(lines).partition('=')[0]}={rng.choice(_VALUES)}"
            case _ if equals:
                lines[at] = f"{key}= {rng.choice(_VALUES)}"
            case _:
                lines[at] = rng.choice(
                    ("[a]", "[[platform]]", "[platform]", "[[isp]]", "[limits]", "[decide]", "", "x")
                )
    return "\n".join(lines).encode("utf-8", "replace")
