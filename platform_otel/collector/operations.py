"""The services and operations of the traces that are kept."""

from __future__ import annotations

from platform_otel.collector.model import KINDS, Operation
from platform_otel.collector.reader import Reader

# Of those that no trace of the index has, new traces may have some.
_KEPT = """
    SELECT services.name, operations.name, kind FROM operations JOIN services ON services.id = service
    WHERE (? = '' OR services.name = ?) AND (
        EXISTS (SELECT 1 FROM trace_operations WHERE operation = operations.id)
        OR operations.id IN (SELECT operation FROM spans WHERE trace > (SELECT trace FROM indexing)))
    ORDER BY 1, 2, 3"""


def kept(reader: Reader, service: str = "", kind: str = "") -> list[Operation]:
    """Those of one service or all, of one of KINDS or all, by service and name."""
    rows = reader.rows(_KEPT, (service, service))
    return [Operation(*row) for row in rows if not kind or KINDS[row[2]] == kind]


def services(reader: Reader) -> list[str]:
    """Their services, by name."""
    return list(dict.fromkeys(operation.service for operation in kept(reader)))
