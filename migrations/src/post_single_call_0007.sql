-- Posts one debit in one round trip. The process decided it on a cached wallet row; here the tenant is set, the wallet is
-- locked, the request id is looked up and everything is written. `is_posted` is false, and nothing is written, if anything
-- differs from what the process assumed: then the debit is decided again in a transaction of its own. Each statement
-- sees what was committed before it began, so what is looked up after the lock is current.
--
-- A procedure, because only a procedure can COMMIT: the answer leaves the server after the commit, and inside a
-- transaction that somebody left open on the connection the COMMIT raises an error instead of being believed.
CREATE OR REPLACE PROCEDURE post_single_call(input jsonb, INOUT is_posted boolean DEFAULT false) LANGUAGE plpgsql AS $$
DECLARE
  before_row wallets := jsonb_populate_record(NULL::wallets, input->'wallet');
  after_row wallets := jsonb_populate_record(NULL::wallets, input->'wallets'->0);
  request uuid := (input->>'request_id')::uuid;
  event jsonb := input->'event';
  head bigint;
  found_lots bigint;
BEGIN
  is_posted := false;
  PERFORM set_config('payterms.tenants', before_row.tenant, true);
  PERFORM FROM tenant_states WHERE tenant = before_row.tenant AND NOT suspended AND clock_now IS NULL AND time_zone = input->>'time_zone';
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM FROM wallets w WHERE w.tenant = before_row.tenant AND w.id = before_row.id AND w = before_row FOR UPDATE;
  IF NOT FOUND THEN RETURN; END IF;
  PERFORM FROM requests WHERE tenant = before_row.tenant AND request_id = request
    UNION ALL SELECT FROM transfers WHERE tenant = before_row.tenant AND request_id = request AND request_id IS NOT NULL
    UNION ALL SELECT FROM usage_records WHERE tenant = before_row.tenant AND request_id = request AND request_id IS NOT NULL
    UNION ALL SELECT FROM auto_recharges WHERE tenant = before_row.tenant AND wallet_id = before_row.id;
  IF FOUND THEN RETURN; END IF;

  UPDATE wallets SET sequence = after_row.sequence, lot_count = after_row.lot_count, usage_count = after_row.usage_count, posted = after_row.posted,
      owed = after_row.owed, version = after_row.version, updated_at = after_row.updated_at, owed_back = after_row.owed_back,
      owed_undone = after_row.owed_undone, overdraft = after_row.overdraft, closes = after_row.closes
    WHERE tenant = before_row.tenant AND id = before_row.id;
  -- The wallet's own lots are found by their index, then the changed ones among them.
  UPDATE lots l SET remaining = g.remaining, pinned = g.pinned, live = g.live
    FROM jsonb_populate_recordset(NULL::lots, input->'lots') g
    WHERE l.tenant = before_row.tenant AND l.wallet_id = before_row.id AND l.live AND l.id = g.id;
  GET DIAGNOSTICS found_lots = ROW_COUNT;
  IF found_lots <> jsonb_array_length(input->'lots') THEN RAISE EXCEPTION 'a lot of the cached wallet is not there'; END IF;
  INSERT INTO accruals SELECT * FROM jsonb_populate_recordset(NULL::accruals, input->'accruals')
    ON CONFLICT (tenant, wallet_id, month, funding, label, closing_id) DO UPDATE SET amount = accruals.amount + excluded.amount;
  INSERT INTO transfers SELECT * FROM jsonb_populate_recordset(NULL::transfers, input->'transfers');
  INSERT INTO entries SELECT * FROM jsonb_populate_recordset(NULL::entries, input->'entries');
  INSERT INTO aggregate_heads (tenant, aggregate_type, aggregate_id, version, state_hash)
    VALUES (before_row.tenant, event->>'aggregate_type', event->>'aggregate_id', 1, (event->>'state_hash')::bytea)
    ON CONFLICT (tenant, aggregate_type, aggregate_id) DO UPDATE SET version = aggregate_heads.version + 1,
      before_hash = aggregate_heads.state_hash, state_hash = excluded.state_hash
    RETURNING version INTO head;
  INSERT INTO outbox (event_id, tenant, aggregate_type, aggregate_id, version, event_type, data, trace_parent, snapshot, occurred_at, recorded_at)
    VALUES ((event->>'event_id')::uuid, before_row.tenant, event->>'aggregate_type', event->>'aggregate_id', head, event->>'event_type',
      (event->>'data')::bytea, event->>'trace_parent', false, (event->>'at')::timestamptz, (event->>'at')::timestamptz);
  COMMIT;
  is_posted := true;
END $$
