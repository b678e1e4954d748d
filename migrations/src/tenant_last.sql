-- Ends the key of a hot table with the tenant: ids differ in their first bytes, so that a comparison seldom comes to the
-- tenant's text. What refers to the key is taken off and put back. The owner who does this is under row-level security too,
-- and rows of all tenants are compared when a reference is put back: meanwhile it is not forced on the two tables, which
-- are locked until the end in any case.
CREATE FUNCTION tenant_last(hot text, id text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  reference record;
  again text;
  put_back text[] := '{}';
BEGIN
  FOR reference IN SELECT conrelid::regclass AS holder, conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
      WHERE contype = 'f' AND confrelid = hot::regclass LOOP
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', reference.holder, reference.conname);
    put_back := put_back || format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', reference.holder)
      || format('ALTER TABLE %s ADD CONSTRAINT %I %s', reference.holder, reference.conname, reference.definition)
      || format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', reference.holder);
  END LOOP;
  EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I, ADD PRIMARY KEY (%s, tenant)', hot, hot || '_pkey', id);
  EXECUTE format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', hot);
  FOREACH again IN ARRAY put_back LOOP EXECUTE again; END LOOP;
  EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', hot);
END $$
