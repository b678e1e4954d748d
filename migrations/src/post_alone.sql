-- One debit that was decided on a wallet as this process knew it, kept in one round trip: the tenant is let in, the
-- wallet is locked, the request is looked up, all is written. False, and nothing is written, where anything is not as
-- it was taken for: then the debit is decided anew in a transaction of its own. Each statement sees what was
-- committed before it began, so what is looked up after the lock is up to date.
CREATE FUNCTION post_alone(given jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  was wallets := jsonb_populate_record(NULL::wallets, given->'wallet');
  is_now wallets := jsonb_populate_record(NULL::wallets, given->'wallets'->0);
  asked uuid := (given->>'request_id')::uuid;
  told jsonb := given->'event';
  head bigint;
  found_lots bigint;
BEGIN
  PERFORM set_config('payterms.tenants', was.tenant, true);
  PERFORM FROM tenant_states WHERE tenant = was.tenant AND NOT suspended AND clock_now IS NULL AND time_zone = given->>'time_zone';
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM FROM wallets w WHERE w.tenant = was.tenant AND w.id = was.id AND w = was FOR UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM FROM requests WHERE tenant = was.tenant AND request_id = asked
    UNION ALL SELECT FROM transfers WHERE tenant = was.tenant AND request_id = asked AND request_id IS NOT NULL
    UNION ALL SELECT FROM usage_records WHERE tenant = was.tenant AND request_id = asked AND request_id IS NOT NULL
    UNION ALL SELECT FROM auto_recharges WHERE tenant = was.tenant AND wallet_id = was.id;
  IF FOUND THEN RETURN false; END IF;

  UPDATE wallets SET sequence = is_now.sequence, lot_count = is_now.lot_count, usage_count = is_now.usage_count, posted = is_now.posted,
      owed = is_now.owed, version = is_now.version, updated_at = is_now.updated_at, owed_back = is_now.owed_back,
      overdraft = is_now.overdraft, closes = is_now.closes
    WHERE tenant = was.tenant AND id = was.id;
  -- The wallet's own lots are found by their index, then the changed ones among them.
  UPDATE lots l SET remaining = g.remaining, pinned = g.pinned, live = g.live
    FROM jsonb_populate_recordset(NULL::lots, given->'lots') g
    WHERE l.tenant = was.tenant AND l.wallet_id = was.id AND l.live AND l.id = g.id;
  GET DIAGNOSTICS found_lots = ROW_COUNT;
  IF found_lots <> jsonb_array_length(given->'lots') THEN RAISE EXCEPTION 'a lot that was known is not there'; END IF;
  INSERT INTO accruals SELECT * FROM jsonb_populate_recordset(NULL::accruals, given->'accruals')
    ON CONFLICT (tenant, wallet_id, month, funding, label, closing_id) DO UPDATE SET amount = accruals.amount + excluded.amount;
  INSERT INTO transfers SELECT * FROM jsonb_populate_recordset(NULL::transfers, given->'transfers');
  INSERT INTO entries SELECT * FROM jsonb_populate_recordset(NULL::entries, given->'entries');
  INSERT INTO aggregate_heads (tenant, aggregate_type, aggregate_id, version, state_hash)
    VALUES (was.tenant, told->>'aggregate_type', told->>'aggregate_id', 1, (told->>'state_hash')::bytea)
    ON CONFLICT (tenant, aggregate_type, aggregate_id) DO UPDATE SET version = aggregate_heads.version + 1,
      before_hash = aggregate_heads.state_hash, state_hash = excluded.state_hash
    RETURNING version INTO head;
  INSERT INTO outbox (event_id, tenant, aggregate_type, aggregate_id, version, event_type, data, trace_parent, snapshot, occurred_at, recorded_at)
    VALUES ((told->>'event_id')::uuid, was.tenant, told->>'aggregate_type', told->>'aggregate_id', head, told->>'event_type',
      (told->>'data')::bytea, told->>'trace_parent', false, (told->>'at')::timestamptz, (told->>'at')::timestamptz);
  RETURN true;
END $$
