-- H3 cells in SQL, by bit arithmetic alone; no extension is needed.
--
-- Layout of an index (https://h3geo.org/docs/core-library/h3Indexing): 4 bits of resolution from
-- bit 52, 7 bits of base cell from bit 45, then 15 digits of 3 bits; digits finer than the
-- resolution are 7.
--
-- Bodies are bound when the function is made (RETURN ...), so no search_path can change them.

CREATE FUNCTION ub.to_hex(cell bigint) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN pg_catalog.to_hex(cell);

CREATE FUNCTION api.to_hex(cell bigint) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN pg_catalog.to_hex(cell);
COMMENT ON FUNCTION api.to_hex(bigint) IS 'The H3 hex string of a cell, as on the wire.';

CREATE FUNCTION api.from_hex(hex text) RETURNS bigint
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF hex !~ '^[0-9a-fA-F]{15}$' THEN
        RAISE EXCEPTION 'cell "%" is not an H3 index: 15 hexadecimal digits are expected, such as 89309965207ffff', hex
            USING ERRCODE = 'invalid_text_representation';
    END IF;
    RETURN ('x0' || hex)::bit(64)::bigint;
END $$;
COMMENT ON FUNCTION api.from_hex(text) IS 'The bigint of a cell''s H3 hex string.';

CREATE FUNCTION api.cell_resolution(cell bigint) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ((cell >> 52) & 15)::integer;
COMMENT ON FUNCTION api.cell_resolution(bigint) IS 'The H3 resolution of a cell, 0 to 15.';

CREATE FUNCTION api.cell_parent(cell bigint, resolution integer) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE
        WHEN resolution BETWEEN 0 AND ((cell >> 52) & 15)::integer
        THEN (cell & ~(15::bigint << 52)) | (resolution::bigint << 52) | ((1::bigint << (3 * (15 - resolution))) - 1)
    END;
COMMENT ON FUNCTION api.cell_parent(bigint, integer) IS
    'The H3 cell of the given coarser resolution that holds this cell; null where the resolution is finer than the cell.';
