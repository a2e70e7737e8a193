"""One `apply` at a time: Kubeflow takes an experiment's name only once, which makes it a lock.

A lock whose holder died is taken over after LEASE seconds on the endpoint's clock. It is deleted by its id: of two that
want to take it over, one deletes it and one finds it gone, and of both only one can make the new one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from components.shared.errors import EvertuneError, RetryError, UserError
from pipelines.cluster.connection import Conflict, Connection
from pipelines.cluster.runs import once

LEASE: Final = 900.0
MARGIN: Final = 120.0
"""Seconds before the end of the lease from which on its holder begins nothing new."""


class Lock:
    """A lock that is held."""

    def __init__(self, connection: Connection, made: Any) -> None:
        self._connection, self.id, self._since = connection, made.experiment_id, made.created_at

    def check(self) -> None:
        """Raises RetryError when the lease is nearly over: another may soon take the lock."""
        if (self._connection.now() - self._since).total_seconds() > LEASE - MARGIN:
            raise RetryError("it takes too long", where=self._connection.endpoint, remedy="apply again: it goes on")


@contextmanager
def locked(connection: Connection, owner: str) -> Iterator[Lock]:
    """Holds the lock of an owner's schedules inside the block.

    Raises:
        RetryError: if another holds it.
    """
    import kfp_server_api as api

    name = f"evertune-schedules-{owner}-lock"
    calls = connection.experiments
    wanted: Any = api.V2beta1Experiment(
        display_name=name,
        namespace=connection.namespace or None,
        description=f"An `evertune schedule` ({uuid.uuid4()}) is at work. It deletes this when it is done.",
    )

    def ours() -> Any:
        """The lock whose answer was lost: only we know what it is described with."""
        there = _locks(connection, name)
        return next((one for one in there if one.description == wanted.description), None)

    try:
        made = once(connection, calls.experiment_service_create_experiment, wanted, ours)
    except Conflict:
        _take_over(connection, name)
        try:
            made = once(connection, calls.experiment_service_create_experiment, wanted, ours)
        except Conflict:
            raise _busy(connection, name) from None
    try:
        yield Lock(connection, made)
    finally:
        with suppress(EvertuneError):  # its lease ends by itself
            connection.call(calls.experiment_service_delete_experiment, made.experiment_id)


def _take_over(connection: Connection, name: str) -> None:
    """Deletes a lock whose lease is over; raises RetryError for another."""
    calls = connection.experiments
    for one in _locks(connection, name):
        if (connection.now() - one.created_at).total_seconds() <= LEASE:
            raise _busy(connection, name)
        with suppress(UserError):  # it is gone: another takes it over
            connection.call(calls.experiment_service_delete_experiment, one.experiment_id)


def _locks(connection: Connection, name: str) -> list[Any]:
    """The experiment of this name, if there is one."""
    calls, named = connection.experiments, {"namespace": connection.namespace or None}
    return connection.named(calls.experiment_service_list_experiments, "experiments", name, **named)


def _busy(connection: Connection, name: str) -> RetryError:
    return RetryError(
        "another `evertune schedule` is at work",
        where=f"{connection.endpoint}, experiment {name}",
        remedy=f"run again when it is done; a lock of one that died is taken over after {LEASE / 60:g} minutes",
    )
