-- An acknowledgement says by which channel it came, and may run out.
ALTER TABLE alert ADD COLUMN ack_via   TEXT    NOT NULL DEFAULT '';
ALTER TABLE alert ADD COLUMN ack_until INTEGER NOT NULL DEFAULT 0;
