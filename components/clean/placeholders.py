"""What stands in a text in place of personal data: `<EMAIL>`, or `<EMAIL_k3v9…>` with a key.

With a key the same address always gets the same placeholder, so that who wrote to whom stays visible; without the key
nobody can try addresses until one fits. A key is a secret: it comes from the environment variable
EVERTUNE_PSEUDONYM_KEYS (`id=secret` pairs with commas), and parameters only name its id.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from typing import Final

from components.shared.errors import UserError

KEYS_VARIABLE: Final = "EVERTUNE_PSEUDONYM_KEYS"
PUBLISHED: Final = "published"
"""Id of the key that everybody knows: for examples, whose texts are public anyway."""
PUBLISHED_KEY: Final = "the published key of Evertune's examples"
SHORTEST: Final = 16
NAMES: Final = ("EMAIL", "PHONE", "IP", "ID", "CARD", "BANK", "CREDENTIALS")
_HASH_BYTES: Final = 6
"""48 bits: among a million persons the chance that any two share a placeholder is one in 500."""
_PLACEHOLDER: Final = re.compile(rf"<(?:{'|'.join(NAMES)})(?:_[a-z2-7]+)?>")
_WORD: Final = re.compile(r"\w")


class Placeholders:
    """Makes placeholders.

    Args:
        key_id: Which key makes them stable; empty makes them all alike.

    Raises:
        UserError: if the environment does not have that key.
    """

    def __init__(self, key_id: str = "") -> None:
        self._key = secret_key(key_id, os.environ.get(KEYS_VARIABLE, "")) if key_id else b""

    def of(self, name: str, value: str) -> str:
        """The placeholder for a value, in the form in which it is always the same (see `identifiers`)."""
        if not self._key:
            return f"<{name}>"
        digest = hashlib.blake2b(f"{name}\0{value}".encode(), digest_size=_HASH_BYTES, key=self._key).digest()
        return f"<{name}_{base64.b32encode(digest).decode().rstrip('=').lower()}>"


def only_placeholders(text: str) -> bool:
    """Whether a text holds placeholders and no other word."""
    rest, placeholders = _PLACEHOLDER.subn("", text) if "<" in text else (text, 0)
    return placeholders > 0 and not _WORD.search(rest)


def secret_key(key_id: str, keys: str, where: str = KEYS_VARIABLE) -> bytes:
    """The key of an id.

    Args:
        key_id: The id.
        keys: `id=secret` pairs with commas.
        where: Where they stand, for people.

    Raises:
        UserError: if it is not among them, or can be guessed.
    """
    if key_id == PUBLISHED:
        return _hashed(PUBLISHED_KEY)
    known = dict(_pair(part) for part in keys.split(",") if part.strip())
    if key_id not in known:
        raise UserError(
            f"no key {key_id!r} in {where}",
            where="clean.personal_data_key",
            remedy=f"add {key_id}=<secret>, name one that is there, or leave it empty",
        )
    if len(known[key_id]) < SHORTEST:
        raise UserError(
            f"the key {key_id!r} is shorter than {SHORTEST} characters",
            where=where,
            remedy="give a random one, such as `openssl rand -hex 32` makes",
        )
    return _hashed(known[key_id])


def _pair(part: str) -> tuple[str, str]:
    name, _, secret = part.partition("=")
    return name.strip(), secret.strip()


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
