"""The TensorBoard log: made of the journal alone, so that a resumed training logs nothing twice and loses nothing.

Each event's wall time is its step: the log of a repeated training is the same file.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from components.train.journal import Journal, Point
from components.train.tracking import Tracker

FILE = "events.out.tfevents.train"


class EventLog:
    """Writes points to an event file as they come; begins with those of the journal.

    Args:
        directory: Is replaced.
        journal: What was done before this process began.
        trackers: Are told the same points.
    """

    def __init__(self, directory: Path, journal: Journal, trackers: Sequence[Tracker] = ()) -> None:
        self._trackers = trackers
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        self._writer = RecordWriter((directory / FILE).open("wb"))
        self._write(Event(wall_time=0.0, file_version="brain.Event:2"))
        points = [(p["step"], 0, "train", p) for p in journal.history]
        points += [(p["step"], 1, "validation", p) for p in journal.validations]
        for _, _, group, point in sorted(points, key=lambda entry: entry[:2]):
            self.add(group, point)

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def add(self, group: str, point: Point) -> None:
        """Adds the numbers of a point of the journal."""
        step = int(point["step"])
        numbers = sorted((name, number) for name, number in point.items() if name != "step")
        values = [Summary.Value(tag=f"{group}/{name}", simple_value=number) for name, number in numbers]
        self._write(Event(wall_time=float(step), step=step, summary=Summary(value=values)))
        for tracker in self._trackers:
            tracker.add(group, point)

    def _write(self, event: Event) -> None:
        self._writer.write(event.SerializeToString(deterministic=True))
        self._writer.flush()
