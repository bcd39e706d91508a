-- The other end of links: which spans lead to a span. What they lead to need not be here, or may come later. Of each span
-- the first 128 links stand here; all of them are in its batch.
CREATE TABLE links (
    linked_trace BLOB NOT NULL, -- trace id
    linked_span BLOB NOT NULL,
    trace INTEGER NOT NULL REFERENCES traces,
    span_id BLOB NOT NULL,     -- with the trace: the span that has the link
    PRIMARY KEY (linked_trace, linked_span, trace, span_id)
) WITHOUT ROWID;
-- For removing those of old traces.
CREATE INDEX links_by_trace ON links (trace);

-- The links of this batch and of those before it are not entered yet: they were here before the table was. The thread
-- that writes enters them, the newest first; 0 when all are.
CREATE TABLE linking (
    batch INTEGER NOT NULL     -- one row
);
INSERT INTO linking SELECT coalesce(max(id), 0) FROM batches;
