-- The journal is append only: seq has no gaps, at never goes back, and each
-- hash covers its row and the hash before it.
CREATE TABLE journal (
    seq      INTEGER PRIMARY KEY,
    gateway  TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    facility TEXT    NOT NULL,
    actor    TEXT    NOT NULL,
    body     TEXT    NOT NULL,
    hash     TEXT    NOT NULL
) STRICT;

-- One row: the last sign of life, and the end of the journal's chain, so that a
-- row cut off the end is missed.
CREATE TABLE heartbeat (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    at   INTEGER NOT NULL,
    seq  INTEGER NOT NULL,
    last INTEGER NOT NULL,
    hash TEXT    NOT NULL
) STRICT;
INSERT INTO heartbeat VALUES (1, 0, 0, 0, '');

CREATE TABLE alert (
    id             INTEGER PRIMARY KEY,
    key            TEXT    NOT NULL,
    facility       TEXT    NOT NULL,
    rule           TEXT    NOT NULL,
    family         TEXT    NOT NULL,
    title_zh       TEXT    NOT NULL,
    title_en       TEXT    NOT NULL,
    cause_zh       TEXT    NOT NULL,
    cause_en       TEXT    NOT NULL,
    consequence_zh TEXT    NOT NULL,
    consequence_en TEXT    NOT NULL,
    response_zh    TEXT    NOT NULL,
    response_en    TEXT    NOT NULL,
    within         INTEGER NOT NULL,
    role           TEXT    NOT NULL,
    severity       TEXT    NOT NULL,
    worst          TEXT    NOT NULL,
    impairs        INTEGER NOT NULL,
    sla            TEXT    NOT NULL,
    phase          TEXT    NOT NULL,
    stale          INTEGER NOT NULL,
    point          TEXT    NOT NULL,
    unit           TEXT    NOT NULL,
    value          REAL,
    "limit"        REAL,
    started        INTEGER NOT NULL,
    raised         INTEGER NOT NULL,
    cleared        INTEGER NOT NULL,
    acked          INTEGER NOT NULL,
    acked_by       TEXT    NOT NULL,
    acked_at       INTEGER NOT NULL,
    ack_note       TEXT    NOT NULL,
    visibility     INTEGER NOT NULL,
    cause          INTEGER NOT NULL,
    children       INTEGER NOT NULL,
    closed         INTEGER NOT NULL
) STRICT;
CREATE INDEX alert_open ON alert (id) WHERE closed = 0;

CREATE TABLE ticket (
    id         INTEGER PRIMARY KEY,
    number     TEXT    NOT NULL,
    facility   TEXT    NOT NULL,
    family     TEXT    NOT NULL,
    title_zh   TEXT    NOT NULL,
    title_en   TEXT    NOT NULL,
    priority   TEXT    NOT NULL,
    state      TEXT    NOT NULL,
    alert      INTEGER NOT NULL,
    latest     INTEGER NOT NULL,
    active     TEXT    NOT NULL,
    count      INTEGER NOT NULL,
    recovered  INTEGER NOT NULL,
    opened     INTEGER NOT NULL,
    started    INTEGER NOT NULL,
    respond_by INTEGER NOT NULL,
    arrive_by  INTEGER NOT NULL,
    reply_by   INTEGER NOT NULL,
    finish_by  INTEGER NOT NULL,
    responded  INTEGER NOT NULL,
    arrived    INTEGER NOT NULL,
    finished   INTEGER NOT NULL,
    ended      INTEGER NOT NULL,
    breached   TEXT    NOT NULL,
    owner      TEXT    NOT NULL,
    cause      TEXT    NOT NULL,
    action     TEXT    NOT NULL,
    note       TEXT    NOT NULL,
    text       TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX ticket_open ON ticket (facility, family) WHERE state NOT IN ('closed', 'cancelled');
CREATE INDEX ticket_opened ON ticket (opened);

-- The outbox. A settled row changes in place and needs no new page, so that
-- notices can be settled while the disk is full.
CREATE TABLE notice (
    id       INTEGER PRIMARY KEY,
    key      TEXT    NOT NULL UNIQUE,
    receiver TEXT    NOT NULL,
    alert    INTEGER NOT NULL,
    event    TEXT    NOT NULL,
    body     TEXT    NOT NULL,
    made     INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due      INTEGER NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),
    tried    INTEGER NOT NULL,
    error    TEXT    NOT NULL
) STRICT;
CREATE INDEX notice_waiting ON notice (receiver, id) WHERE state = 'waiting';
CREATE INDEX notice_order ON notice (receiver, alert, id) WHERE state = 'waiting';
CREATE INDEX notice_dead ON notice (id) WHERE state = 'dead';

CREATE TABLE state_event (
    id        INTEGER PRIMARY KEY,
    facility  TEXT    NOT NULL,
    recorded  INTEGER NOT NULL,
    effective INTEGER NOT NULL,
    class     INTEGER NOT NULL,
    cause     TEXT    NOT NULL
) STRICT;
CREATE INDEX state_event_effective ON state_event (facility, effective, id);
