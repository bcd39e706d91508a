-- What long times are answered from: the minutes of 10 minutes, an hour or a day that is over, added up. They are
-- filled by the thread that writes, a step at a time, also from the minutes that a file has when it comes here.
-- durations: runs of neighbouring buckets: the first one's number and how many there are (16 bits each, little endian),
-- then a count (32 bits) for each. The buckets are those of operation_minutes. With row ids, as rows of more than
-- 1,002 bytes would be read in two pieces without.
CREATE TABLE operation_folds (
    width INTEGER NOT NULL,    -- minutes: 10, 60 or 1440
    first INTEGER NOT NULL,    -- the first of these minutes, a multiple of the width
    operation INTEGER NOT NULL REFERENCES operations,
    count INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    durations BLOB NOT NULL,
    PRIMARY KEY (width, first, operation)
);

CREATE TABLE call_folds (
    width INTEGER NOT NULL,
    first INTEGER NOT NULL,
    caller INTEGER NOT NULL REFERENCES services,
    callee INTEGER NOT NULL REFERENCES services,
    count INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    durations BLOB NOT NULL,
    PRIMARY KEY (width, first, caller, callee)
);

-- Between these two, the folds of a width hold all that the minutes hold; what comes late goes into both.
CREATE TABLE folding (
    width INTEGER PRIMARY KEY,
    since INTEGER NOT NULL,    -- a minute; earlier ones were removed, in part perhaps
    until INTEGER NOT NULL     -- a minute; it and later ones are not folded yet
);
INSERT INTO folding VALUES (10, 0, 0), (60, 0, 0), (1440, 0, 0);
