-- What the value was when an alert was raised, and at its worst. Of older alerts
-- that is not known.
ALTER TABLE alert ADD COLUMN trip       REAL;
ALTER TABLE alert ADD COLUMN trip_limit REAL;
ALTER TABLE alert ADD COLUMN peak       REAL;
