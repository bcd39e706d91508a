-- The store of the collector. Times are nanoseconds since the epoch, durations nanoseconds, ids as raw bytes.

-- Names stand once. There are at most 1,000 services and 1,000 operations of each; the rest share one name.
CREATE TABLE services (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

-- What a span is an instance of: service, span name, and kind as OTLP numbers it (2 server, 3 client, ...).
CREATE TABLE operations (
    id INTEGER PRIMARY KEY,
    service INTEGER NOT NULL REFERENCES services,
    name TEXT NOT NULL,
    kind INTEGER NOT NULL,
    UNIQUE (service, name, kind)
);

-- OTLP messages as they arrived: protobuf, compressed with zlib. Attributes, events and links are in here only.
CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    signal INTEGER NOT NULL,   -- 0 ExportTraceServiceRequest, 1 ExportLogsServiceRequest
    arrived INTEGER NOT NULL,
    live INTEGER NOT NULL,     -- how many rows of spans or logs point here; at 0 the batch goes
    raw BLOB NOT NULL
);

-- One row per trace. Ids grow with the arrival of each trace's first span: the oldest have the smallest.
CREATE TABLE traces (
    id INTEGER PRIMARY KEY,
    trace_id BLOB NOT NULL,
    arrived INTEGER NOT NULL,
    start INTEGER NOT NULL,    -- of the earliest span
    duration INTEGER NOT NULL, -- from there to the latest end
    spans INTEGER NOT NULL,
    errors INTEGER NOT NULL,   -- spans whose status is error
    root INTEGER,              -- operation of a span without parent; null until one arrives
    earliest INTEGER NOT NULL  -- operation of the earliest span
);
CREATE UNIQUE INDEX traces_by_trace_id ON traces (trace_id);
CREATE INDEX traces_by_start ON traces (start);
CREATE INDEX traces_by_duration ON traces (duration);

-- One row per span. Where its batch has it: the position counts all spans of the message in its order.
CREATE TABLE spans (
    trace INTEGER NOT NULL REFERENCES traces,
    span_id BLOB NOT NULL,
    parent_id BLOB,
    operation INTEGER NOT NULL REFERENCES operations,
    start INTEGER NOT NULL,
    duration INTEGER NOT NULL,
    status INTEGER NOT NULL,   -- 0 unset, 1 ok, 2 error
    batch INTEGER NOT NULL REFERENCES batches,
    position INTEGER NOT NULL,
    PRIMARY KEY (trace, span_id)
) WITHOUT ROWID;

-- Which traces have a span of this operation: where a search for a rare one starts. Written for many traces at once,
-- as each operation is at another place of it: those after the one in `indexing` are still missing.
CREATE TABLE trace_operations (
    operation INTEGER NOT NULL REFERENCES operations,
    trace INTEGER NOT NULL REFERENCES traces,
    PRIMARY KEY (operation, trace)
) WITHOUT ROWID;

CREATE TABLE indexing (
    trace INTEGER NOT NULL     -- the last one that is in trace_operations; one row
);
INSERT INTO indexing VALUES (0);

-- Spans whose parent has not arrived. When it does, the call between the two services is counted.
CREATE TABLE orphans (
    trace INTEGER NOT NULL REFERENCES traces,
    parent_id BLOB NOT NULL,
    span_id BLOB NOT NULL,
    PRIMARY KEY (trace, parent_id, span_id)
) WITHOUT ROWID;

-- One row per log record, with or without a trace; ids are null where the record has none.
CREATE TABLE logs (
    id INTEGER PRIMARY KEY,
    trace_id BLOB,
    span_id BLOB,
    time INTEGER NOT NULL,
    batch INTEGER NOT NULL REFERENCES batches,
    position INTEGER NOT NULL
);
CREATE INDEX logs_by_trace_id ON logs (trace_id) WHERE trace_id IS NOT NULL;

-- Per minute (since the epoch, by the spans' start): spans, those with errors, and how long they took.
-- durations: bucket numbers (16 bits, little endian), then as many counts (32 bits). Bucket b holds durations
-- above g^(b-1) and up to g^b nanoseconds, with g = 1.01 / 0.99.
CREATE TABLE operation_minutes (
    minute INTEGER NOT NULL,
    operation INTEGER NOT NULL REFERENCES operations,
    count INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    durations BLOB NOT NULL,
    PRIMARY KEY (minute, operation)
) WITHOUT ROWID;

-- The same for calls from one service to another: spans whose parent belongs to another service.
CREATE TABLE call_minutes (
    minute INTEGER NOT NULL,
    caller INTEGER NOT NULL REFERENCES services,
    callee INTEGER NOT NULL REFERENCES services,
    count INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    durations BLOB NOT NULL,
    PRIMARY KEY (minute, caller, callee)
) WITHOUT ROWID;
