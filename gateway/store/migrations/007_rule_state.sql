-- Where each rule instance stands that is not plainly normal, so that holds and
-- clear times outlive a restart. Terms is what it was held against; state is a
-- JSON array of records, each with its kind and version.
CREATE TABLE rule_state (
    id    TEXT PRIMARY KEY,
    terms TEXT NOT NULL,
    state TEXT NOT NULL
) STRICT, WITHOUT ROWID;
