"""Services and operations by number, as the store has them; a bounded number of each."""

from __future__ import annotations

import sqlite3

from platform_otel.collector.model import Operation

# Someone who writes ids into span names would otherwise fill the memory with them.
MOST_SERVICES = 1000
MOST_OPERATIONS = 1000
LONGEST_NAME = 200
OTHERS = "(others)"


class Names:
    """Numbers for names, given out within the transaction that is open."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._services: dict[str, int] = {}
        self._operations: dict[tuple[int, str, int], int] = {}
        self._known: dict[Operation, int] = {}
        self._counts: dict[int, int] = {}
        self.service_of: dict[int, int] = {}
        self.load()

    def load(self) -> None:
        """Forget everything and read what is committed: after a rollback, and at the start."""
        self._known.clear()
        self._counts.clear()
        rows = self._connection.execute("SELECT id, service, name, kind FROM operations").fetchall()
        self._operations = {(service, name, kind): number for number, service, name, kind in rows}
        self.service_of = {number: service for number, service, _, _ in rows}
        self._services = {name: number for number, name in self._connection.execute("SELECT id, name FROM services")}
        for _, service, _, _ in rows:
            self._counts[service] = self._counts.get(service, 0) + 1

    def number(self, operation: Operation) -> int:
        """The number of an operation; a new one if there is room, else that of the others."""
        found = self._known.get(operation)
        if found is None:
            found = self._find(operation)
            if len(self._known) < MOST_SERVICES * 20:
                self._known[operation] = found
        return found

    def _find(self, operation: Operation) -> int:
        service = self._service(operation.service[:LONGEST_NAME])
        name, kind = operation.name[:LONGEST_NAME], operation.kind
        if (service, name, kind) not in self._operations and self._counts.get(service, 0) >= MOST_OPERATIONS:
            name, kind = OTHERS, 0
        return self._operations.get((service, name, kind)) or self._add(service, name, kind)

    def _add(self, service: int, name: str, kind: int) -> int:
        row = (service, name, kind)
        sql = "INSERT INTO operations (service, name, kind) VALUES (?, ?, ?)"
        number = self._operations[row] = self._connection.execute(sql, row).lastrowid or 0
        self.service_of[number] = service
        self._counts[service] = self._counts.get(service, 0) + 1
        return number

    def _service(self, name: str) -> int:
        if name not in self._services and len(self._services) >= MOST_SERVICES:
            name = OTHERS
        number = self._services.get(name)
        if number is None:
            sql = "INSERT INTO services (name) VALUES (?)"
            number = self._services[name] = self._connection.execute(sql, (name,)).lastrowid or 0
        return number
