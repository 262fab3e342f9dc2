"""An invitation as a link, as it may stand in a message or a QR code. Pure.

    [rabta:]https://HOST[:PORT][/join]#TOKEN
    [rabta:]https://HOST[:PORT][/join]#invite=TOKEN&isp=ID

What stands behind `#` is never sent to a server, so that a link that is opened in a browser gives nothing away.
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """Where to, with what, and to which ISP where the link says so. An empty token: it names none."""

    url: str
    token: str = ""
    isp: str = ""


def read_link(text: str) -> Invitation:
    """The invitation in a link, or a plain URL. Whether the URL can be used is for others to say."""
    text = text.strip()
    text = text.removeprefix("rabta:").removeprefix("RABTA:")
    url, _, fragment = text.partition("#")
    url = url.rstrip("/").removesuffix("/join")
    if "=" not in fragment:
        return Invitation(url=url, token=fragment.strip())
    said = dict(parse_qsl(fragment))
    return Invitation(url=url, token=said.get("invite", "").strip(), isp=said.get("isp", "").strip())
