-- A receiver whose `match` was widened counted as known: it was not told what was open and had no further event, nor of its end.

ALTER TABLE ub.receiver ADD COLUMN asks text;
COMMENT ON COLUMN ub.receiver.asks IS 'What the file said that it asks for at the last start of notify. Null: not known.';
