//! What must always hold in the rows of wallet, each as a query for what breaks it. The law is in
//! docs/domain/wallet.md.

use payterms_chassis::rules::{Key, Pieces, REQUESTS, Rule};

/// All rules of the service.
pub const ALL: &[Rule] = &[
    Rule {
        invariant: "I1",
        sentence: "The entries of a transfer sum to zero in each currency.",
        subject: "transfer",
        pieces: Some(TRANSFERS),
        // An entry that names its other account is two lines, which sum to zero by its shape.
        broken: "SELECT e.tenant, e.transfer_id AS subject FROM entries e WHERE e.tenant IN ({tenants}) AND e.transfer_id > $1 AND \
                 e.transfer_id <= $2 AND e.contra IS NULL GROUP BY e.tenant, e.transfer_id, e.currency HAVING sum(e.amount) <> 0",
    },
    Rule {
        invariant: "I1",
        sentence: "Entries are of transfers of their wallet.",
        subject: "transfer",
        pieces: Some(TRANSFERS),
        broken: "SELECT DISTINCT e.tenant, e.transfer_id AS subject FROM entries e LEFT JOIN transfers t ON t.tenant = e.tenant AND \
                 t.id = e.transfer_id WHERE e.tenant IN ({tenants}) AND e.transfer_id > $1 AND e.transfer_id <= $2 AND (t.id IS NULL OR \
                 t.wallet_id <> e.wallet_id)",
    },
    Rule {
        invariant: "I1",
        sentence: "Transfers are of wallets.",
        subject: "transfer",
        pieces: Some(TRANSFERS),
        broken: "SELECT t.tenant, t.id AS subject FROM transfers t LEFT JOIN wallets w ON w.tenant = t.tenant AND w.id = t.wallet_id \
                 WHERE t.tenant IN ({tenants}) AND t.id > $1 AND t.id <= $2 AND w.id IS NULL",
    },
    Rule {
        invariant: "I1",
        sentence: "Uses are of wallets.",
        subject: "use",
        pieces: Some(WALLETS),
        broken: "SELECT u.tenant, u.id AS subject FROM usage_records u LEFT JOIN wallets w ON w.tenant = u.tenant AND w.id = \
                 u.wallet_id WHERE u.tenant IN ({tenants}) AND u.wallet_id > $1 AND u.wallet_id <= $2 AND w.id IS NULL",
    },
    Rule {
        invariant: "I2",
        sentence: "A wallet's posted balance is the sum of its entries.",
        subject: "wallet",
        pieces: Some(WALLETS),
        broken: "SELECT w.tenant, w.id AS subject FROM wallets w WHERE w.tenant IN ({tenants}) AND w.id > $1 AND w.id <= $2 AND \
                 w.posted <> (SELECT coalesce(sum(e.amount), 0) FROM entries e WHERE e.tenant = w.tenant AND e.wallet_id = w.id AND \
                 e.sequence IS NOT NULL)",
    },
    Rule {
        invariant: "I2",
        sentence: "The entries of a wallet are numbered without a gap.",
        subject: "wallet",
        pieces: Some(WALLETS),
        broken: "SELECT w.tenant, w.id AS subject FROM wallets w WHERE w.tenant IN ({tenants}) AND w.id > $1 AND w.id <= $2 AND \
                 w.sequence <> (SELECT count(*) FROM entries e WHERE e.tenant = w.tenant AND e.wallet_id = w.id AND e.sequence IS NOT \
                 NULL)",
    },
    Rule {
        invariant: "I2",
        sentence: "The balance after an entry is the one before it and the entry.",
        subject: "wallet",
        pieces: Some(WALLETS),
        // One pass over the entries: a join with themselves takes minutes where the database has no
        // statistics of them yet.
        broken: "SELECT DISTINCT e.tenant, e.wallet_id AS subject FROM (SELECT tenant, wallet_id, amount, balance_after, lag(balance_after) OVER \
                 (PARTITION BY tenant, wallet_id ORDER BY sequence) AS before FROM entries WHERE tenant IN ({tenants}) AND wallet_id > $1 AND \
                 wallet_id <= $2 AND sequence IS NOT NULL) e WHERE e.balance_after <> e.amount + coalesce(e.before, 0)",
    },
    Rule {
        invariant: "I3",
        sentence: "A wallet's posted balance is what its lots hold less what it owes.",
        subject: "wallet",
        pieces: Some(WALLETS),
        broken: "SELECT w.tenant, w.id AS subject FROM wallets w WHERE w.tenant IN ({tenants}) AND w.id > $1 AND w.id <= $2 AND \
                 w.posted <> (SELECT coalesce(sum(l.remaining), 0) FROM lots l WHERE l.tenant = w.tenant AND l.wallet_id = w.id) - \
                 w.owed",
    },
    Rule {
        invariant: "I3",
        sentence: "What a wallet owes for use is what its debts stand at.",
        subject: "wallet",
        pieces: Some(WALLETS),
        broken: "SELECT w.tenant, w.id AS subject FROM wallets w WHERE w.tenant IN ({tenants}) AND w.id > $1 AND w.id <= $2 AND \
                 w.overdraft IS NULL AND (SELECT coalesce(sum(d.amount), 0) FROM debts d WHERE d.tenant = w.tenant AND d.wallet_id = \
                 w.id) <> w.owed - w.owed_back - CASE WHEN w.owed_undone > w.owed_back THEN w.owed_undone - w.owed_back ELSE 0 END",
    },
    Rule {
        invariant: "I4",
        sentence: "What is withheld of a wallet's credit is what is revoked.",
        subject: "wallet",
        pieces: Some(WALLETS),
        broken: "SELECT w.tenant, w.id AS subject FROM wallets w WHERE w.tenant IN ({tenants}) AND w.id > $1 AND w.id <= $2 AND \
                 (SELECT coalesce(sum(CASE WHEN j.account = 'WITHHELD' THEN j.amount ELSE -j.amount END), 0) FROM (SELECT \
                 DISTINCT e.transfer_id FROM entries e WHERE e.tenant = w.tenant AND e.wallet_id = w.id AND e.sequence IS NOT \
                 NULL) touched JOIN entries j ON j.tenant = w.tenant AND j.transfer_id = touched.transfer_id WHERE j.account = \
                 'WITHHELD' OR j.contra = 'WITHHELD') <> (SELECT coalesce(sum(r.amount), 0) FROM revocations r WHERE r.tenant = \
                 w.tenant AND r.wallet_id = w.id AND r.state = 'REVOKED')",
    },
    Rule {
        invariant: "I4",
        sentence: "What the charges of a payment took is what was posted for it.",
        subject: "payment",
        pieces: Some(CHARGES),
        broken: "SELECT DISTINCT c.tenant, c.payment_id AS subject FROM charges c WHERE c.tenant IN ({tenants}) AND c.id > $1 AND c.id <= $2 \
                 AND (SELECT coalesce(sum(o.amount), 0) FROM charges o WHERE o.tenant = c.tenant AND o.payment_id = c.payment_id AND \
                 o.state IN ('SUCCEEDED', 'CHARGED_BACK')) <> (SELECT coalesce(sum(CASE WHEN e.account = 'PROVIDER_CLEARING' THEN -e.amount \
                 ELSE e.amount END), 0) FROM transfers t JOIN entries e ON e.tenant = t.tenant AND e.transfer_id = t.id WHERE t.tenant = \
                 c.tenant AND t.payment_id = c.payment_id AND t.kind = 'CHARGE' AND 'PROVIDER_CLEARING' IN (e.account, e.contra))",
    },
    Rule {
        invariant: "I4",
        sentence: "What refunds of a payment gave back to its cards is what was posted for it.",
        subject: "payment",
        pieces: Some(REFUNDS),
        // What an issuer had taken back before is ended as returned, and nobody moves it.
        broken: "SELECT DISTINCT r.tenant, r.payment_id AS subject FROM refunds r WHERE r.tenant IN ({tenants}) AND r.id > $1 AND r.id <= $2 \
                 AND (SELECT coalesce(sum(o.amount - o.unmoved), 0) FROM refunds o WHERE o.tenant = r.tenant AND o.payment_id = r.payment_id \
                 AND o.state = 'RETURNED') <> (SELECT coalesce(sum(CASE WHEN e.account = 'PROVIDER_CLEARING' THEN e.amount ELSE -e.amount \
                 END), 0) FROM transfers t JOIN entries e ON e.tenant = t.tenant AND e.transfer_id = t.id WHERE t.tenant = r.tenant AND \
                 t.payment_id = r.payment_id AND t.kind = 'INVOICE_REFUND' AND 'PROVIDER_CLEARING' IN (e.account, e.contra))",
    },
    Rule {
        invariant: "I4",
        sentence: "What was posted for a charge, a top-up or its refund is what that moved at the provider.",
        subject: "transfer",
        pieces: Some(TRANSFERS),
        // Top-ups from before transfers named them have none that does.
        broken: "SELECT p.tenant, p.subject FROM (SELECT t.tenant, t.id AS subject, t.kind, t.payment_id, (SELECT sum(CASE WHEN e.account = \
                 'PROVIDER_CLEARING' THEN e.amount ELSE -e.amount END) FROM entries e WHERE e.tenant = t.tenant AND e.transfer_id = t.id AND \
                 'PROVIDER_CLEARING' IN (e.account, e.contra)) AS moved FROM transfers t WHERE t.tenant IN ({tenants}) AND t.id > $1 AND \
                 t.id <= $2 AND t.kind IN ('CHARGE', 'TOP_UP', 'TOP_UP_REFUND') AND t.payment_id IS NOT NULL) p WHERE (p.kind = 'CHARGE' AND \
                 NOT EXISTS (SELECT 1 FROM charges c WHERE c.tenant = p.tenant AND c.payment_id = p.payment_id AND c.amount = -p.moved AND \
                 c.state IN ('SUCCEEDED', 'CHARGED_BACK'))) OR (p.kind = 'TOP_UP' AND NOT EXISTS (SELECT 1 FROM top_ups u WHERE u.tenant = \
                 p.tenant AND u.id = p.payment_id AND u.amount = -p.moved AND u.state IN ('SUCCEEDED', 'CHARGED_BACK'))) OR (p.kind = \
                 'TOP_UP_REFUND' AND NOT EXISTS (SELECT 1 FROM top_up_refunds f WHERE f.tenant = p.tenant AND f.id = p.payment_id AND \
                 f.credit + f.tax = p.moved AND f.state = 'SUCCEEDED'))",
    },
    Rule {
        invariant: "I4",
        sentence: "No lot and no debt gets more back than it paid.",
        subject: "transfer",
        pieces: Some(REVERSALS),
        broken: "SELECT DISTINCT p.tenant, p.taken_by AS subject FROM reversal_parts p WHERE p.tenant IN ({tenants}) AND p.reversal_id \
                 > $1 AND p.reversal_id <= $2 AND (SELECT sum(o.amount) FROM reversal_parts o WHERE o.tenant = p.tenant AND o.taken_by \
                 = p.taken_by AND (o.from_lot_id = p.from_lot_id OR (o.from_lot_id IS NULL AND p.from_lot_id IS NULL))) > (SELECT \
                 -sum(e.amount) FROM entries e WHERE e.tenant = p.tenant AND e.transfer_id = p.taken_by AND e.sequence IS NOT NULL AND \
                 (e.lot_id = p.from_lot_id OR (e.lot_id IS NULL AND p.from_lot_id IS NULL)))",
    },
    Rule {
        invariant: "I4",
        sentence: "No more of a transfer is reversed than it took.",
        subject: "transfer",
        pieces: Some(REVERSALS),
        broken: "SELECT DISTINCT r.tenant, r.transfer_id AS subject FROM reversals r WHERE r.tenant IN ({tenants}) AND r.id > $1 AND \
                 r.id <= $2 AND r.transfer_id IS NOT NULL AND (SELECT sum(o.amount) FROM reversals o WHERE o.tenant = r.tenant AND \
                 o.transfer_id = r.transfer_id) > (SELECT -sum(e.amount) FROM entries e WHERE e.tenant = r.tenant AND e.transfer_id = \
                 r.transfer_id AND e.sequence IS NOT NULL)",
    },
    Rule {
        invariant: "I5",
        sentence: "What is set aside of a lot is what active holds pin.",
        subject: "lot",
        pieces: Some(LOTS),
        broken: "SELECT l.tenant, l.id AS subject FROM lots l WHERE l.tenant IN ({tenants}) AND l.id > $1 AND l.id <= $2 AND l.pinned \
                 <> (SELECT coalesce(sum(p.amount), 0) FROM hold_pins p JOIN holds h ON h.tenant = p.tenant AND h.id = p.hold_id AND \
                 h.state = 'ACTIVE' WHERE p.tenant = l.tenant AND p.lot_id = l.id)",
    },
    Rule {
        invariant: "I5",
        sentence: "A hold pins no more than it is for, and takes no more.",
        subject: "hold",
        pieces: Some(HOLDS),
        broken: "SELECT h.tenant, h.id AS subject FROM holds h WHERE h.tenant IN ({tenants}) AND h.id > $1 AND h.id <= $2 AND \
                 (h.captured > h.amount OR (h.state = 'ACTIVE' AND (SELECT coalesce(sum(p.amount), 0) FROM hold_pins p WHERE p.tenant = \
                 h.tenant AND p.hold_id = h.id) > h.amount))",
    },
    Rule {
        invariant: "I36",
        sentence: "A debit says who asked, by which request.",
        subject: "transfer",
        pieces: Some(TRANSFERS),
        broken: "SELECT t.tenant, t.id AS subject FROM transfers t WHERE t.tenant IN ({tenants}) AND t.id > $1 AND t.id <= $2 AND \
                 t.kind = 'DEBIT' AND (t.request_id IS NULL OR t.input_hash IS NULL OR t.actor IS NULL)",
    },
    Rule {
        invariant: "I36",
        sentence: "A use says who asked, by which request.",
        subject: "use",
        pieces: Some(WALLETS),
        broken: "SELECT u.tenant, u.id AS subject FROM usage_records u WHERE u.tenant IN ({tenants}) AND u.wallet_id > $1 AND \
                 u.wallet_id <= $2 AND (u.request_id IS NULL OR u.input_hash IS NULL OR u.actor IS NULL)",
    },
    Rule {
        invariant: "I36",
        sentence: "A request has its effect in one row.",
        subject: "request",
        pieces: Some(REQUESTS),
        broken: "SELECT r.tenant, r.request_id AS subject FROM requests r WHERE r.tenant IN ({tenants}) AND r.request_id > $1 AND \
                 r.request_id <= $2 AND (EXISTS (SELECT 1 FROM transfers t WHERE t.tenant = r.tenant AND t.request_id = r.request_id) \
                 OR EXISTS (SELECT 1 FROM usage_records u WHERE u.tenant = r.tenant AND u.request_id = r.request_id)) UNION ALL SELECT \
                 t.tenant, t.request_id AS subject FROM transfers t JOIN usage_records u ON u.tenant = t.tenant AND u.request_id = \
                 t.request_id WHERE t.tenant IN ({tenants}) AND t.request_id > $1 AND t.request_id <= $2",
    },
];

/// The history of a wallet is read by its index, so few wallets make a piece.
const WALLETS: Pieces =
    Pieces { table: "wallets", key: "id", kind: Key::Uuid, rows: 100, key_first: true };
const TRANSFERS: Pieces =
    Pieces { table: "transfers", key: "id", kind: Key::Uuid, rows: 2_000, key_first: true };
const LOTS: Pieces =
    Pieces { table: "lots", key: "id", kind: Key::Uuid, rows: 1_000, key_first: true };
const HOLDS: Pieces =
    Pieces { table: "holds", key: "id", kind: Key::Uuid, rows: 1_000, key_first: false };
const CHARGES: Pieces =
    Pieces { table: "charges", key: "id", kind: Key::Uuid, rows: 1_000, key_first: false };
const REFUNDS: Pieces =
    Pieces { table: "refunds", key: "id", kind: Key::Uuid, rows: 1_000, key_first: false };
const REVERSALS: Pieces =
    Pieces { table: "reversals", key: "id", kind: Key::Uuid, rows: 1_000, key_first: false };
