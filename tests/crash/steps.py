"""Where a refresh can be cut: each step brings every refresh of a fleet to that place, kills, and starts again."""

import contextlib
import pathlib
import resource
import socket
import sqlite3

import harness
from harness import eventually

MIGRATIONS = pathlib.Path(__file__).resolve().parents[2] / "src" / "store" / "sqlite" / "migrations"


@contextlib.contextmanager
def hole():
    """An address whose connections never come about: its queue is full."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    fillers = []
    try:
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        for s in [listener, *fillers]:
            s.close()


def expect(condition, what):
    if not condition:
        raise AssertionError(f"the step was not reached: {what}")


def before_begin(fleet):
    """The store is busy, so no attempt is durable and nothing may go out."""
    requests = fleet.requests()
    with fleet.locked_store():
        fleet.refresh_all()
        fleet.doze(40)
        fleet.kill()
        expect(fleet.attempts() == 0 and fleet.requests() == requests, "no attempt, nothing sent")
    fleet.serve()


def begun_and_not_sent(fleet):
    """The attempts are durable, no connection to the provider comes about."""
    requests = fleet.requests()
    fleet.daemon.stop()
    with hole() as nowhere:
        fleet.world.configure("providers.smartcar", "token_url", f'"{nowhere}/oauth/token"')
        fleet.serve()
        fleet.refresh_all()
        eventually(lambda: fleet.attempts() == len(fleet.pairs), "every attempt is durable")
        fleet.doze(20)
        fleet.kill()
    expect(fleet.requests() == requests, "nothing sent")
    fleet.world.configure("providers.smartcar", "token_url", f'"{fleet.sim.origin}/oauth/token"')
    fleet.serve()


def on_the_wire(fleet):
    """The requests are on the wire; the provider serves them after the node has died, or after it has tried again."""
    rotations = fleet.sim.rotations()
    fleet.hold("hold_before")
    fleet.kill()
    expect(fleet.sim.rotations() == rotations, "nothing rotated")
    fleet.sim.clear_faults()
    late = fleet.chance.random() < 0.5
    if not late:
        fleet.sim.post("release")
    fleet.serve()
    if late:
        eventually(lambda: fleet.attempts() == 0, "every attempt ends")
        fleet.sim.post("release")
        eventually(lambda: fleet.sim.stats()["held"] == 0, "the old requests are served")


def rotated_and_withheld(fleet):
    rotations = fleet.sim.rotations()
    fleet.hold()
    eventually(lambda: fleet.sim.rotations() == rotations + len(fleet.pairs), "all have rotated")
    fleet.kill()
    fleet.let_go()
    fleet.serve()


def answer_sent(fleet):
    fleet.hold()
    fleet.let_go()
    fleet.doze(6)
    fleet.kill()
    fleet.serve()


def between_answer_and_commit(fleet):
    """The answers are there; the store is busy and does not take them."""
    fleet.hold()
    generations = fleet.generations()
    with fleet.locked_store():
        fleet.let_go()
        eventually(lambda: fleet.sim.stats()["held"] == 0, "the answers are sent")
        fleet.doze(40)
        fleet.kill()
        expect(fleet.generations() == generations, "nothing committed")
    fleet.serve()


def after_commit(fleet):
    fleet.hold()
    generations = fleet.generations()
    fleet.let_go()
    eventually(lambda: fleet.generations() != generations, "something is committed")
    fleet.kill()
    fleet.serve()


def fill_disk(fleet):
    """From now on no file of the daemon may grow beyond what the database's log has; the spool's first cells may be written."""
    wal = fleet.world.database.with_name("keyfob.db-wal")
    limit = max(wal.stat().st_size if wal.exists() else 0, 65536)
    resource.prlimit(fleet.daemon.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def during_spool_write(fleet):
    """The store refuses the commits, so the pairs go to the spool."""
    fleet.hold()
    fill_disk(fleet)
    fleet.let_go()
    fleet.doze(15)
    fleet.kill()
    fleet.serve()


def during_recovery(fleet):
    """Killed with the answers withheld, and again with the answers of the recovery withheld."""
    fleet.hold()
    fleet.kill()
    fleet.sim.post("release")
    eventually(lambda: fleet.sim.stats()["held"] == 0, "the old answers are gone")
    fleet.serve()
    fleet.wait_for_held()
    fleet.kill()
    fleet.let_go()
    fleet.start_and_kill(40)
    fleet.serve()


def during_start(fleet):
    fleet.hold()
    fleet.kill()
    fleet.let_go()
    for _ in range(3):
        fleet.start_and_kill(25)
    fleet.serve()


def netstrings(text):
    found = []
    while text:
        size, _, text = text.partition(":")
        found.append(text[:int(size)])
        text = text[int(size):]
    return found


def with_an_old_schema(fleet):
    """The database as the first release would have left it: the rows of today in the tables of migration 1."""
    old = fleet.world.root / "old.db"
    with contextlib.closing(sqlite3.connect(old)) as database:
        database.executescript("PRAGMA application_id=1262907234;"
                               "CREATE TABLE schema_migrations (version INTEGER NOT NULL PRIMARY KEY);"
                               + (MIGRATIONS / "0001_initial.sql").read_text())
        database.execute("INSERT INTO schema_migrations VALUES (1)")
        database.execute("ATTACH ? AS now", (str(fleet.world.database),))
        for (table,) in database.execute("SELECT name FROM main.sqlite_master WHERE type = 'table' AND name <> "
                                         "'schema_migrations'").fetchall():
            if table == "grant_vehicles":
                continue
            columns = ", ".join(row[1] for row in database.execute(f"PRAGMA main.table_info({table})"))
            database.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}")
        for app, grant, vehicles in database.execute("SELECT app_id, grant_id, vehicles FROM main.grants").fetchall():
            database.executemany("INSERT INTO main.grant_vehicles VALUES (?, ?, ?)",
                                 [(app, vehicle, grant) for vehicle in netstrings(vehicles)])
        database.commit()
    for leftover in ("keyfob.db-wal", "keyfob.db-shm"):
        fleet.world.database.with_name(leftover).unlink(missing_ok=True)
    old.chmod(0o600)
    old.replace(fleet.world.database)


def during_migration(fleet):
    """Attempts of unknown outcome are open, the program is newer than the store, and its starts are cut short."""
    fleet.hold()
    fleet.kill()
    fleet.let_go()
    with_an_old_schema(fleet)
    for _ in range(3):
        fleet.start_and_kill(25)
    fleet.serve()
    versions = [row[0] for row in fleet.rows("SELECT version FROM schema_migrations ORDER BY version")]
    expect(versions == list(range(1, len(list(MIGRATIONS.glob("*.sql"))) + 1)), f"every migration once: {versions}")


def at_random(fleet):
    fleet.refresh_all()
    fleet.doze(60)
    fleet.kill()
    fleet.serve()


STEPS = [before_begin, begun_and_not_sent, on_the_wire, rotated_and_withheld, answer_sent, between_answer_and_commit,
         after_commit, during_spool_write, during_recovery, during_start, during_migration, at_random]
