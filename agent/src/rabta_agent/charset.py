"""The text of a page, by the character encoding that it declares (after the WHATWG Encoding Standard). Pure, and total.

The names are a stranger's: only encodings that pages are written in are used, of the many that Python knows.
"""

import codecs
import re

LABEL_LIMIT = 40
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xfe\xff", "utf-16-be"), (b"\xff\xfe", "utf-16-le"))
_META = re.compile(rb"<meta\b[^>]{0,200}?\bcharset\s{0,9}=[\s\"']{0,9}([a-z0-9_:.\-]{1,40})", re.IGNORECASE)
_OF_PAGES = re.compile(
    r"utf-8|utf-16(-[lb]e)?|ascii|iso8859-\d+|cp(125\d|866|874|932|949|950)|koi8-[ru]|mac-(roman|cyrillic)|tis-620"
    r"|gb(k|2312|18030)|big5(hkscs)?|euc_(jp|kr)|iso2022_jp|shift_jis"
)
# What browsers read a name as, where pages hold more than the name says.
_WIDER = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "utf-16": "utf-16-le",
}


def choose(body: bytes, declared: str) -> str:
    """Python's name of the encoding: by byte order mark, header, or <meta>; UTF-8 where none of them says."""
    for mark, name in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return name
    return _find(declared) or _find_in_meta(body) or "utf-8"


def read_text(body: bytes, encoding: str) -> str:
    """What the bytes say in an encoding that `choose` gave; what cannot be read is U+FFFD."""
    return body.decode(encoding, "replace").removeprefix("\ufeff")


def is_wide(encoding: str) -> bool:
    """Whether ASCII is not written as itself, so that the bytes of a page cannot be searched."""
    return encoding.startswith("utf-16")


def _find_in_meta(body: bytes) -> str:
    found = _META.search(body)
    name = _find(found[1].decode("ascii")) if found else ""
    return "utf-8" if is_wide(name) else name  # were it true, the element could not have been read


def _find(label: str) -> str:
    """Python's name of an encoding of pages; empty for any other label."""
    try:
        name = codecs.lookup(label.strip()[:LABEL_LIMIT]).name
    except (LookupError, ValueError):
        return ""
    return _WIDER.get(name, name) if _OF_PAGES.fullmatch(name) else ""
