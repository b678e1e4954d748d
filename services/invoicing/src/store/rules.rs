//! What must always hold in the rows of invoicing, each as a query for what breaks it. The law is
//! in docs/domain/invoicing.md.

use payterms_chassis::rules::{Key, Pieces, Rule};

/// All rules of the service.
pub const ALL: &[Rule] = &[
    Rule {
        invariant: "I8",
        sentence: "What is pending on an invoice is what open payments reserve.",
        subject: "invoice",
        pieces: Some(INVOICES),
        broken: "SELECT i.tenant, i.id AS subject FROM invoices i WHERE i.tenant IN ({tenants}) AND i.id > $1 AND i.id <= $2 AND \
                 i.pending <> (SELECT coalesce(sum(a.amount), 0) FROM payment_allocations a JOIN payments p ON p.tenant = \
                 a.tenant AND p.id = a.payment_id AND p.state = 'PROCESSING' WHERE a.tenant = i.tenant AND a.invoice_id = i.id)",
    },
    Rule {
        invariant: "I8",
        sentence: "What is paid of an invoice is what payments paid.",
        subject: "invoice",
        pieces: Some(INVOICES),
        broken: "SELECT i.tenant, i.id AS subject FROM invoices i WHERE i.tenant IN ({tenants}) AND i.id > $1 AND i.id <= $2 AND \
                 i.paid <> (SELECT coalesce(sum(x.paid), 0) FROM payment_allocations x WHERE x.tenant = i.tenant AND x.invoice_id \
                 = i.id)",
    },
    Rule {
        invariant: "I8",
        sentence: "What is credited of an invoice is what its credit notes took off.",
        subject: "invoice",
        pieces: Some(INVOICES),
        broken: "SELECT i.tenant, i.id AS subject FROM invoices i WHERE i.tenant IN ({tenants}) AND i.id > $1 AND i.id <= $2 AND \
                 i.state <> 'VOID' AND i.credited <> (SELECT coalesce(sum(x.amount), 0) FROM credit_notes x WHERE x.tenant = \
                 i.tenant AND x.invoice_id = i.id)",
    },
    Rule {
        invariant: "I8",
        sentence: "Paid, credited, written off and pending are together no more than the total.",
        subject: "invoice",
        pieces: Some(INVOICES),
        broken: "SELECT i.tenant, i.id AS subject FROM invoices i WHERE i.tenant IN ({tenants}) AND i.id > $1 AND i.id <= $2 AND \
                 (i.paid + i.credited + i.written_off + i.pending > i.total OR i.paid < 0 OR i.credited < 0 OR i.written_off < 0 \
                 OR i.pending < 0)",
    },
    Rule {
        invariant: "I9",
        sentence: "Net and tax make the total of an invoice.",
        subject: "invoice",
        pieces: Some(INVOICES),
        broken: "SELECT i.tenant, i.id AS subject FROM invoices i WHERE i.tenant IN ({tenants}) AND i.id > $1 AND i.id <= $2 AND \
                 i.total <> (SELECT coalesce(sum(x.net), 0) FROM invoice_taxes x WHERE x.tenant = i.tenant AND x.invoice_id = \
                 i.id) + (SELECT coalesce(sum(x.tax), 0) FROM invoice_taxes x WHERE x.tenant = i.tenant AND x.invoice_id = i.id)",
    },
    Rule {
        invariant: "I10",
        sentence: "What a payment received is allocated, given back, taken back or surplus.",
        subject: "payment",
        pieces: Some(PAYMENTS),
        broken: "SELECT p.tenant, p.id AS subject FROM payments p WHERE p.tenant IN ({tenants}) AND p.id > $1 AND p.id <= $2 AND \
                 p.state <> 'PROCESSING' AND (SELECT coalesce(sum(x.paid), 0) FROM payment_allocations x WHERE x.tenant = \
                 p.tenant AND x.payment_id = p.id) + (SELECT coalesce(sum(x.refunded), 0) FROM payment_allocations x WHERE \
                 x.tenant = p.tenant AND x.payment_id = p.id) + (SELECT coalesce(sum(x.charged_back), 0) FROM payment_tenders x \
                 WHERE x.tenant = p.tenant AND x.payment_id = p.id) + p.surplus <> (SELECT coalesce(sum(x.amount), 0) FROM \
                 payment_tenders x WHERE x.tenant = p.tenant AND x.payment_id = p.id AND x.state = 'SUCCEEDED' AND x.kind <> \
                 'CREDIT_LINE')",
    },
    Rule {
        invariant: "I10",
        sentence: "What is given back of a payment is the same by allocations, tenders and refunds.",
        subject: "payment",
        pieces: Some(PAYMENTS),
        broken: "SELECT p.tenant, p.id AS subject FROM payments p WHERE p.tenant IN ({tenants}) AND p.id > $1 AND p.id <= $2 AND \
                 ((SELECT coalesce(sum(x.refunded), 0) FROM payment_allocations x WHERE x.tenant = p.tenant AND x.payment_id = \
                 p.id) <> (SELECT coalesce(sum(x.refunded), 0) FROM payment_tenders x WHERE x.tenant = p.tenant AND x.payment_id \
                 = p.id) OR (SELECT coalesce(sum(x.refunded), 0) FROM payment_allocations x WHERE x.tenant = p.tenant AND \
                 x.payment_id = p.id) <> (SELECT coalesce(sum(x.amount), 0) FROM refund_parts x WHERE x.tenant = p.tenant AND \
                 x.payment_id = p.id) + (SELECT coalesce(sum(x.credit + x.tax), 0) FROM transfer_refunds x WHERE x.tenant = \
                 p.tenant AND x.payment_id = p.id AND x.state IN ('SENT', 'RETURNED') AND x.credit_from = 'TOP_UP'))",
    },
    Rule {
        invariant: "I10",
        sentence: "No more of a payment goes back by transfer than its transfer had brought.",
        subject: "payment",
        pieces: Some(PAYMENTS),
        broken: "SELECT p.tenant, p.id AS subject FROM payments p WHERE p.tenant IN ({tenants}) AND p.id > $1 AND p.id <= $2 AND \
                 (SELECT coalesce(sum(x.credit + x.tax), 0) FROM transfer_refunds x WHERE x.tenant = p.tenant AND x.payment_id = \
                 p.id AND x.state NOT IN ('CANCELLED', 'REFUSED')) > (SELECT coalesce(sum(x.amount), 0) FROM payment_tenders x \
                 WHERE x.tenant = p.tenant AND x.payment_id = p.id)",
    },
    Rule {
        invariant: "I10",
        sentence: "What was bought and went back by transfer is credited by a note of as much.",
        subject: "transfer refund",
        pieces: Some(TRANSFER_REFUNDS),
        broken: "SELECT r.tenant, r.id AS subject FROM transfer_refunds r LEFT JOIN credit_notes n ON n.tenant = r.tenant AND \
                 n.id = r.credit_note_id WHERE r.tenant IN ({tenants}) AND r.id > $1 AND r.id <= $2 AND ((r.state IN ('SENT', \
                 'RETURNED') AND r.credit_from = 'TOP_UP' AND (n.id IS NULL OR n.amount <> r.credit + r.tax)) OR \
                 (r.credit_note_id IS NOT NULL AND (r.state NOT IN ('SENT', 'RETURNED') OR r.credit_from <> 'TOP_UP')) OR \
                 ((r.ended_at IS NULL) <> (r.state NOT IN ('SENT', 'RETURNED', 'CANCELLED'))))",
    },
    Rule {
        invariant: "I11",
        sentence: "Numbers of documents have no gap in their series and year.",
        subject: "series",
        pieces: None,
        broken: "SELECT n.tenant, n.prefix || '-' || substr(x.number, length(n.prefix) + 2, 4) AS subject FROM number_series n \
                 JOIN (SELECT tenant, number FROM invoices WHERE tenant IN ({tenants}) AND number IS NOT NULL UNION SELECT \
                 tenant, number FROM invoice_versions WHERE tenant IN ({tenants}) AND number IS NOT NULL UNION SELECT tenant, \
                 number FROM credit_notes WHERE tenant IN ({tenants}) AND number IS NOT NULL UNION SELECT tenant, number FROM \
                 receipts WHERE tenant IN ({tenants}) AND number IS NOT NULL UNION SELECT tenant, number FROM receipt_versions \
                 WHERE tenant IN ({tenants}) AND number IS NOT NULL UNION SELECT tenant, number FROM receipt_credit_notes WHERE \
                 tenant IN ({tenants}) AND number IS NOT NULL) x ON x.tenant = n.tenant AND x.number LIKE n.prefix || '-____-%' \
                 WHERE n.tenant IN ({tenants}) GROUP BY n.tenant, n.prefix, substr(x.number, length(n.prefix) + 2, 4) HAVING \
                 count(*) <> max(CAST(substr(x.number, length(n.prefix) + 7) AS bigint))",
    },
    Rule {
        invariant: "I11",
        sentence: "The last number of a series is that of its last document.",
        subject: "series",
        pieces: None,
        broken: "SELECT n.tenant, n.prefix AS subject FROM number_series n WHERE n.tenant IN ({tenants}) AND n.last_number <> \
                 (SELECT count(*) FROM (SELECT tenant, number FROM invoices WHERE tenant IN ({tenants}) AND number IS NOT NULL \
                 UNION SELECT tenant, number FROM invoice_versions WHERE tenant IN ({tenants}) AND number IS NOT NULL UNION \
                 SELECT tenant, number FROM credit_notes WHERE tenant IN ({tenants}) AND number IS NOT NULL UNION SELECT tenant, \
                 number FROM receipts WHERE tenant IN ({tenants}) AND number IS NOT NULL UNION SELECT tenant, number FROM \
                 receipt_versions WHERE tenant IN ({tenants}) AND number IS NOT NULL UNION SELECT tenant, number FROM \
                 receipt_credit_notes WHERE tenant IN ({tenants}) AND number IS NOT NULL) x WHERE x.tenant = n.tenant AND \
                 x.number LIKE n.prefix || '-' || n.year || '-%')",
    },
    Rule {
        invariant: "I11",
        sentence: "Numbers of invoices rise with their date.",
        subject: "invoice",
        pieces: None,
        broken: "SELECT tenant, id AS subject FROM (SELECT tenant, id, issue_date, lag(issue_date) OVER (PARTITION BY tenant, \
                 substr(number, 1, 9) ORDER BY length(number), number) AS earlier FROM invoices WHERE tenant IN ({tenants}) AND \
                 number IS NOT NULL) numbered WHERE earlier > issue_date",
    },
    Rule {
        invariant: "I11",
        sentence: "Numbers of credit notes rise with their date.",
        subject: "credit note",
        pieces: None,
        broken: "SELECT tenant, id AS subject FROM (SELECT tenant, id, issue_date, lag(issue_date) OVER (PARTITION BY tenant, \
                 substr(number, 1, 8) ORDER BY length(number), number) AS earlier FROM credit_notes WHERE tenant IN ({tenants}) \
                 AND number IS NOT NULL) numbered WHERE earlier > issue_date",
    },
    Rule {
        invariant: "I13",
        sentence: "What the days of an invoice come to is what is open.",
        subject: "invoice",
        pieces: Some(INVOICES),
        broken: "SELECT i.tenant, i.id AS subject FROM invoices i WHERE i.tenant IN ({tenants}) AND i.id > $1 AND i.id <= $2 AND \
                 i.state <> 'DRAFT' AND CASE WHEN i.top_up = '' THEN i.total - i.paid - i.credited - i.written_off ELSE 0 END <> \
                 (SELECT coalesce(sum(CASE WHEN r.kind = 'ISSUED' THEN r.amount ELSE -r.amount END), 0) FROM receivables r WHERE \
                 r.tenant = i.tenant AND r.invoice_id = i.id)",
    },
    Rule {
        invariant: "I13",
        sentence: "A statement opens with what the one before it closed with.",
        subject: "statement",
        pieces: Some(STATEMENTS),
        broken: "SELECT b.tenant, b.id AS subject FROM statements b JOIN statements a ON a.tenant = b.tenant AND a.customer_id = \
                 b.customer_id AND a.currency = b.currency AND a.month = (SELECT max(c.month) FROM statements c WHERE c.tenant = \
                 b.tenant AND c.customer_id = b.customer_id AND c.currency = b.currency AND c.month < b.month) WHERE b.tenant IN \
                 ({tenants}) AND b.id > $1 AND b.id <= $2 AND b.opening <> a.closing",
    },
];

const INVOICES: Pieces =
    Pieces { table: "invoices", key: "id", kind: Key::Uuid, rows: 1000, key_first: false };
const PAYMENTS: Pieces =
    Pieces { table: "payments", key: "id", kind: Key::Uuid, rows: 1000, key_first: false };
const TRANSFER_REFUNDS: Pieces =
    Pieces { table: "transfer_refunds", key: "id", kind: Key::Uuid, rows: 1000, key_first: false };
const STATEMENTS: Pieces =
    Pieces { table: "statements", key: "id", kind: Key::Uuid, rows: 1000, key_first: false };
