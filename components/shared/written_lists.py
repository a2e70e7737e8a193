"""Lists written in one option, with commas between their parts."""

from __future__ import annotations

from components.shared.errors import UserError


def pairs(text: str, where: str) -> dict[str, str]:
    """Reads `name=value,name=value`; raises UserError for anything else."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (word.strip() for word in part.partition("="))
        if not name or not equals:
            raise UserError(f"{part!r} is not a name=value pair", where=where, remedy="give name=value,name=value")
        if name in found:
            raise UserError(f"{name!r} is named twice", where=where, remedy="name it once")
        found[name] = value
    return found


def names(text: str) -> tuple[str, ...]:
    """Reads names with commas between them."""
    return tuple(filter(None, (name.strip() for name in text.split(","))))


def chosen(text: str, known: tuple[str, ...], where: str) -> tuple[str, ...]:
    """Reads names that must be among those known."""
    for name in names(text):
        if name not in known:
            raise UserError(f"{name!r} is not known", where=where, remedy=f"use some of: {', '.join(known)}")
    return names(text)
