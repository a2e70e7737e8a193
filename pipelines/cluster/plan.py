"""What `evertune schedule apply` would change: told first, and nothing that is equal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipelines.cluster.owned import Owned, Wanted

CREATE, REPLACE, RESUME, PAUSE, DELETE, CLEAN, NOTHING = (
    *("create", "replace", "resume", "pause", "delete", "clean up", "unchanged"),
)
_LONGEST: Final = 60


@dataclass(frozen=True)
class Change:
    """What has to be done for one schedule.

    Attributes:
        name: The schedule.
        kind: One of the words above.
        wanted: What it is meant to be; None if it is to go.
        enabled: Whether it is to tick.
        have: Its recurring runs, the oldest first.
        details: What differs, for people.
    """

    name: str
    kind: str
    wanted: Wanted | None
    enabled: bool
    have: tuple[Owned, ...]
    details: str = ""


def plan(wanted: Mapping[str, tuple[Wanted, bool]], have: Iterable[Owned]) -> list[Change]:
    """Compares what is wanted with what is there.

    Args:
        wanted: What each schedule is meant to be, and whether it is to tick, by name.
        have: The recurring runs of the same owner.
    """
    there: dict[str, list[Owned]] = {}
    for one in have:
        there.setdefault(one.wanted.name, []).append(one)
    changes = [_change(name, *meant, tuple(there.pop(name, ()))) for name, meant in wanted.items()]
    return changes + [Change(name, DELETE, None, False, tuple(found)) for name, found in there.items()]


def _change(name: str, wanted: Wanted, enabled: bool, have: tuple[Owned, ...]) -> Change:
    equal = [one for one in have if one.serves(wanted)]
    if not have:
        return Change(name, CREATE, wanted, enabled, have, f"{wanted.version}, {wanted.cron}")
    if not equal:
        return Change(name, REPLACE, wanted, enabled, have, _differences(have[-1], wanted))
    if equal[0].enabled != enabled:
        return Change(name, RESUME if enabled else PAUSE, wanted, enabled, have)
    return Change(name, NOTHING if len(have) == 1 else CLEAN, wanted, enabled, have)


def _differences(before: Owned, after: Wanted) -> str:
    if not before.runnable:
        return f"Kubeflow no longer has {before.wanted.version}"
    old, new = _flat(before.wanted), _flat(after)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return "; ".join(f"{name}: {_short(old.get(name))} -> {_short(new.get(name))}" for name in names)


def _flat(wanted: Wanted) -> dict[str, Any]:
    fields = wanted.fields()
    parameters = fields.pop("parameters")
    return {**fields, **{f"parameters.{name}": value for name, value in parameters.items()}}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
