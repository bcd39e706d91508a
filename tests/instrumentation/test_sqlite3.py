"""sqlite3: a traced connection is a connection to sqlite3's C code, too."""

import sys

import pytest

from tests.instrumentation.comparison import needs, spans_of
from tests.receiver import Receiver

pytestmark = needs("opentelemetry-instrumentation-sqlite3")

CONNECT = """
import sqlite3
connection = sqlite3.connect(":memory:")
print(connection.cursor().execute("select 1").fetchall())
"""


@pytest.mark.parametrize(
    "use",
    [
        "target = sqlite3.connect(':memory:'); connection.backup(target); print(target.total_changes)",
        "print(sqlite3.Cursor(connection).execute('select 2').fetchone())",
        "connection.row_factory = sqlite3.Row; print(dict(connection.execute('select 3 as three').fetchone()))",
        "with connection: connection.execute('create table t (c)'); print(list(connection.iterdump())[0])",
        "print(type(connection), isinstance(connection, sqlite3.Connection), connection.in_transaction)",
        "connection.close()\ntry: connection.cursor()\nexcept sqlite3.ProgrammingError as error: print(error)",
        "try: connection.comment = 'theirs'\nexcept AttributeError as error: print('refused')",
    ],
)
def test_whatever_a_connection_can_do_a_traced_one_can(receiver: Receiver, use: str) -> None:
    spans = spans_of(receiver, CONNECT + use)

    assert (spans[0].name, spans[0].kind, spans[0].attributes["db.query.text"]) == ("select", "client", "select 1")


@pytest.mark.parametrize(
    "connect",
    [
        "sqlite3.connect(':memory:', factory=Theirs)",
        "sqlite3.connect(':memory:', 5.0, 0, None, True, Theirs)",
        "sqlite3.connect(':memory:', 5.0, 0, None, True, Theirs, 64)",
        "sqlite3.dbapi2.connect(database=':memory:', factory=Theirs, cached_statements=64)",
    ],
)
def test_the_services_own_factory_makes_the_connection(receiver: Receiver, connect: str) -> None:
    code = f"""
        import sqlite3
        class Theirs(sqlite3.Connection):
            def cursor(self, *arguments):
                print("theirs")
                return super().cursor(*arguments)
        connection = {connect}
        print(connection.cursor().execute("select 1").fetchone(), isinstance(connection, Theirs))
    """
    # Python 3.12 warns of positional arguments, and names the line: the same one, traced or not.
    assert [span.name for span in spans_of(receiver, code, "-W", "ignore")] == ["select"]


def test_a_factory_that_takes_no_subclass_makes_its_connection_untraced(receiver: Receiver) -> None:
    code = """
        import sqlite3
        def theirs(*arguments, **named):
            del named["factory"]
            return sqlite3.Connection(*arguments, **named)
        connection = sqlite3.connect(":memory:", factory=theirs)
        print(type(connection), connection.cursor().execute("select 1").fetchone())
    """
    assert spans_of(receiver, code) == []


@pytest.mark.skipif(sys.version_info < (3, 12), reason="came with Python 3.12")
def test_an_argument_of_a_later_python_is_passed_on(receiver: Receiver) -> None:
    code = "import sqlite3; print(sqlite3.connect(':memory:', autocommit=True).autocommit)"

    assert spans_of(receiver, code) == []
