-- An id belongs to a partition by how many there are. With another number it moves to one where its history is not, and what
-- it left behind would be counted once more: so a claim says of how many it is one.

ALTER TABLE ub.checkpoint ADD COLUMN partitions integer;
COMMENT ON COLUMN ub.checkpoint.partitions IS
    'How many partitions the topic had for those who placed the records in it; null until the first claim since it is noted.';
