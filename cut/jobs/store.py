"""What happens to jobs, as transactions on their rows.

Every change of state is one statement that names the states it may start from: of two processes
that want to change a job at once, the second finds it changed.
"""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cut.errors import CutError
from cut.jobs.database import Database
from cut.jobs.limits import LIMITS
from cut.jobs.records import Metric, State

Row = sqlite3.Row
_WAITING = "state IN ('queued', 'interrupted')"
_AT_WORK = "state IN ('running', 'stopping')"
# Interrupted jobs go first: they had their turn already.
_ORDER = "ORDER BY state = 'queued', turn"


@dataclass(frozen=True)
class Progress:
    """What a worker reports of the job that it trains."""

    step: int
    total: int
    seconds: float
    rate: float | None
    memory: float | None
    metrics: Sequence[Metric] = ()


class Store:
    """The rows of jobs; each method is one transaction, and raises CutError as `Database` does."""

    def __init__(self, path: Path, patience: float | None = None) -> None:
        self.database = Database(path, patience)

    def add(self, values: Mapping[str, Any]) -> None:
        """Put a job at the end of the line.

        Raises:
            CutError: too many jobs wait already.
        """
        with self.database.writing() as connection:
            _refuse_full(connection)
            values = dict(values) | {"turn": _next_turn(connection), "created": time.time()}
            names = ", ".join(values)
            marks = ", ".join(f":{name}" for name in values)
            connection.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", values)

    def refuse_full(self) -> None:
        """As `add` would, before any work is done for a job."""
        with self.database.reading() as connection:
            _refuse_full(connection)

    def rows(self, jobs: Sequence[str] | None = None) -> list[Row]:
        """Every job, or those of `jobs` that there are, newest first.

        `place` is a job's place in its device's line, from 1, or 0.
        """
        with self.database.reading() as connection:
            return _rows(connection, jobs)

    def row(self, job: str) -> Row:
        """As `rows`, of one job.

        Raises:
            CutError: there is no such job.
        """
        with self.database.reading() as connection:
            found = _rows(connection, [job])
        if not found:
            raise CutError(f"there is no job {job[:40]!r}: it was deleted, or the link is wrong")
        return found[0]

    def metrics(self, job: str, after: int) -> list[Row]:
        with self.database.reading() as connection:
            return connection.execute(
                "SELECT * FROM metrics WHERE job = ? AND step > ? ORDER BY step", (job, after)
            ).fetchall()

    def previews(self, job: str) -> list[Row]:
        with self.database.reading() as connection:
            return connection.execute(
                "SELECT * FROM previews WHERE job = ? ORDER BY step", (job,)
            ).fetchall()

    def lanes_waiting(self) -> set[str]:
        """The devices that jobs wait for."""
        return self._lanes(_WAITING)

    def lanes_at_work(self) -> set[str]:
        """The devices that jobs are being trained on, unless their worker died."""
        return self._lanes(_AT_WORK)

    def _lanes(self, condition: str) -> set[str]:
        with self.database.reading() as connection:
            rows = connection.execute(f"SELECT DISTINCT lane FROM jobs WHERE {condition}")
            return {row["lane"] for row in rows}

    def ask_to_stop(self, job: str) -> None:
        """Stop a job that has nothing to keep at once; tell its worker otherwise."""
        with self.database.writing() as connection:
            connection.execute(
                "UPDATE jobs SET state = 'stopped', message = '', ended = ? WHERE id = ? "
                "AND (state = 'queued' OR state = 'interrupted' AND saved_step = 0)",
                (time.time(), job),
            )
            # The next worker publishes the last save of an interrupted one, and trains no further.
            connection.execute(
                "UPDATE jobs SET stop_asked = 1, message = '', "
                "state = CASE state WHEN 'running' THEN 'stopping' ELSE state END "
                "WHERE id = ? AND state IN ('running', 'interrupted')",
                (job,),
            )

    def queue_again(self, job: str, minutes: float | None) -> bool:
        """Put a job that ended at the end of the line, with a new limit of time.

        Returns:
            Whether it had ended.

        Raises:
            CutError: too many jobs wait already.
        """
        with self.database.writing() as connection:
            _refuse_full(connection)
            changed = connection.execute(
                "UPDATE jobs SET state = 'queued', message = '', minutes = ?, turn = ?, "
                "stop_asked = 0, deaths = 0, death_step = -1, ended = NULL "
                "WHERE id = ? AND state IN ('stopped', 'done', 'failed')",
                (minutes, _next_turn(connection), job),
            )
            return changed.rowcount > 0

    def rename(self, job: str, title: str) -> None:
        with self.database.writing() as connection:
            connection.execute("UPDATE jobs SET title = ? WHERE id = ?", (title, job))

    def forget(self, job: str) -> bool:
        """Remove a job's rows; if a worker trains it, hide it and tell the worker instead.

        Returns:
            Whether it is gone, so that its files can go too.
        """
        with self.database.writing() as connection:
            hidden = connection.execute(
                "UPDATE jobs SET state = 'stopping', stop_asked = 1, forgotten = 1 "
                f"WHERE id = ? AND {_AT_WORK}",
                (job,),
            )
            if hidden.rowcount:
                return False
            connection.execute("DELETE FROM jobs WHERE id = ?", (job,))
            return True

    # What a worker does, or who holds a worker's lock.

    def abandon(self, lane: str) -> list[str]:
        """Mark what a dead worker left: it goes back to its last save, and waits.

        Returns:
            The jobs that were deleted while it ran them: their rows are gone, their files not.
        """
        with self.database.writing() as connection:
            dead = f"lane = ? AND {_AT_WORK}"
            gone = connection.execute(f"SELECT id FROM jobs WHERE {dead} AND forgotten", (lane,))
            forgotten = [row["id"] for row in gone]
            connection.execute(f"DELETE FROM jobs WHERE {dead} AND forgotten", (lane,))
            connection.execute(
                "UPDATE jobs SET state = 'interrupted', step = saved_step, "
                "seconds = saved_seconds, rate = NULL, memory = NULL, "
                "deaths = CASE WHEN saved_step > death_step THEN 1 ELSE deaths + 1 END, "
                "death_step = saved_step, message = "
                "'Its worker was killed or the machine went down; it goes on from step ' "
                f"|| saved_step || '.' WHERE {dead}",
                (lane,),
            )
            return forgotten

    def claim(self, lane: str) -> Row | None:
        """Take the next job of a device's line to train it; what follows its last save is gone."""
        with self.database.writing() as connection:
            found = connection.execute(
                f"SELECT id FROM jobs WHERE lane = ? AND {_WAITING} {_ORDER} LIMIT 1", (lane,)
            ).fetchone()
            if found is None:
                return None
            job = found["id"]
            connection.execute(
                "UPDATE jobs SET state = CASE WHEN stop_asked THEN 'stopping' ELSE 'running' END, "
                "message = '', step = saved_step, seconds = saved_seconds, "
                "started = coalesce(started, ?), ended = NULL WHERE id = ?",
                (time.time(), job),
            )
            for table in ("metrics", "previews"):
                connection.execute(
                    f"DELETE FROM {table} WHERE job = :job "
                    "AND step > (SELECT saved_step FROM jobs WHERE id = :job)",
                    {"job": job},
                )
            return connection.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()

    def place_on(self, job: str, placement: str) -> None:
        """Note the line that says where it runs."""
        with self.database.writing() as connection:
            connection.execute("UPDATE jobs SET placement = ? WHERE id = ?", (placement, job))

    def report(self, job: str, progress: Progress) -> bool:
        """Note how far training is; whether it is to stop."""
        with self.database.writing() as connection:
            connection.execute(
                "UPDATE jobs SET step = ?, total = ?, seconds = ?, rate = ?, memory = ? "
                "WHERE id = ?",
                (
                    *(progress.step, progress.total, progress.seconds),
                    *(progress.rate, progress.memory, job),
                ),
            )
            connection.executemany(
                "INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?)",
                [(job, m.step, m.seconds, json.dumps(m.losses)) for m in progress.metrics],
            )
            row = connection.execute("SELECT stop_asked FROM jobs WHERE id = ?", (job,)).fetchone()
            return row is None or bool(row["stop_asked"])

    def saved(self, job: str, step: int, seconds: float) -> None:
        with self.database.writing() as connection:
            connection.execute(
                "UPDATE jobs SET saved_step = ?, saved_seconds = ? WHERE id = ?",
                (step, seconds, job),
            )

    def shown(self, job: str, step: int, seconds: float, file: str) -> None:
        """Note a preview that was written."""
        with self.database.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO previews VALUES (?, ?, ?, ?)", (job, step, seconds, file)
            )

    def drop_previews(self, job: str, steps: Sequence[int]) -> None:
        with self.database.writing() as connection:
            connection.executemany(
                "DELETE FROM previews WHERE job = ? AND step = ?", [(job, step) for step in steps]
            )

    def is_forgotten(self, job: str) -> bool:
        """Whether a job was deleted while it ran."""
        with self.database.reading() as connection:
            row = connection.execute("SELECT forgotten FROM jobs WHERE id = ?", (job,)).fetchone()
            return row is None or bool(row["forgotten"])

    def finish(
        self, job: str, state: State, message: str, published: bool, model: str | None = None
    ) -> bool:
        """The worker lets go of a job; whether it was deleted meanwhile and its rows are gone.

        Args:
            model: the name that it was published under, if that is another than before.
        """
        with self.database.writing() as connection:
            connection.execute(
                "UPDATE jobs SET state = ?, message = ?, memory = NULL, ended = ?, "
                "published = max(published, ?), model = coalesce(?, model) WHERE id = ?",
                (state, message, None if state.live else time.time(), published, model, job),
            )
            gone = connection.execute("DELETE FROM jobs WHERE id = ? AND forgotten", (job,))
            return gone.rowcount > 0


def _rows(connection: sqlite3.Connection, jobs: Sequence[str] | None = None) -> list[Row]:
    ahead = (
        "SELECT count(*) FROM jobs AS other WHERE other.lane = jobs.lane AND NOT other.forgotten "
        "AND (other.state = 'interrupted' OR other.state = 'queued' AND other.turn < jobs.turn)"
    )
    some = "AND id IN (SELECT value FROM json_each(:jobs))" if jobs is not None else ""
    return connection.execute(
        f"SELECT *, CASE WHEN state = 'queued' THEN 1 + ({ahead}) ELSE 0 END AS place FROM jobs "
        f"WHERE NOT forgotten {some} ORDER BY created DESC, rowid DESC",
        {"jobs": json.dumps(jobs)},
    ).fetchall()


def _next_turn(connection: sqlite3.Connection) -> int:
    return connection.execute("SELECT coalesce(max(turn), 0) + 1 FROM jobs").fetchone()[0]


def _refuse_full(connection: sqlite3.Connection) -> None:
    live = f"SELECT count(*) FROM jobs WHERE NOT forgotten AND ({_WAITING} OR {_AT_WORK})"
    number = connection.execute(live).fetchone()[0]
    if number >= LIMITS.queue:
        raise CutError(
            f"{number} jobs wait or run already, and no more are taken: stop one, or wait until "
            "one is done"
        )
