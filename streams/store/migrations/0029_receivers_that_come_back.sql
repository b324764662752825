-- A receiver that was left out of the file and put back later counted as known: it was told neither of what had been raised in
-- between nor of the end of what it knew.

ALTER TABLE ub.receiver ADD COLUMN left_at timestamptz;
COMMENT ON COLUMN ub.receiver.left_at IS 'Since when the file has it no more. Null: it has.';
COMMENT ON COLUMN ub.receiver.known_at IS
    'When it was seen first, or put back into the file: events from before are told to it by the tables.';
