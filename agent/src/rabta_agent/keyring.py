"""The agent's credential, and what it becomes when the collector hands out a new secret.

A new secret is on disk, synced, before it is used: an agent that stops in between has the old one, which is good until
the new one was used. A secret that cannot be written down is not used.
"""

import asyncio
import re
from dataclasses import replace

import structlog

from rabta_agent.home import Credential, Home
from rabta_proto.v1 import collector_pb2 as wire

SECRET = re.compile(r"[A-Za-z0-9_-]{16,128}")  # goes into a header: nothing else may be in it
logger = structlog.get_logger()


class Keyring:
    """What this agent says to prove that it is itself."""

    def __init__(self, home: Home, credential: Credential) -> None:
        self._home, self._credential = home, credential

    def authorization(self) -> str:
        """The value of `authorization`, for the next session."""
        return f"Bearer {self._credential.agent_id}.{self._credential.secret}"

    async def rotate(self, rotation: wire.Rotation) -> None:
        """Takes a new secret over, from the next session on."""
        if not SECRET.fullmatch(rotation.secret):
            logger.warning("secret.refused", reason="not a secret")
            return
        credential = replace(self._credential, secret=rotation.secret)
        try:
            await asyncio.to_thread(self._home.save_credential, credential)
        except OSError as wrong:
            logger.warning("secret.unsaved", reason=wrong.strerror)
            return
        self._credential = credential
        logger.info("secret.rotated")
