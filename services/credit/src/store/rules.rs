//! What must always hold in the rows of credit, each as a query for what breaks it. The law is in
//! docs/domain/credit.md.

use payterms_chassis::rules::{Key, Pieces, Rule};

/// All rules of the service.
pub const ALL: &[Rule] = &[
    Rule {
        invariant: "I16",
        sentence: "What is authorised, captured and repaid on a line is the sum of its entries.",
        subject: "credit line",
        pieces: Some(LINES),
        broken: "SELECT l.tenant, l.id AS subject FROM credit_lines l WHERE l.tenant IN ({tenants}) AND l.id > $1 AND l.id <= $2 \
                 AND (l.authorized <> (SELECT coalesce(sum(e.authorized), 0) FROM draw_entries e WHERE e.tenant = l.tenant AND \
                 e.line_id = l.id) OR l.captured <> (SELECT coalesce(sum(e.captured), 0) FROM draw_entries e WHERE e.tenant = \
                 l.tenant AND e.line_id = l.id) OR l.repaid <> (SELECT coalesce(sum(e.repaid), 0) FROM draw_entries e WHERE \
                 e.tenant = l.tenant AND e.line_id = l.id))",
    },
    Rule {
        invariant: "I16",
        sentence: "What is authorised, captured and repaid on a line is what its draws stand at.",
        subject: "credit line",
        pieces: Some(LINES),
        broken: "SELECT l.tenant, l.id AS subject FROM credit_lines l WHERE l.tenant IN ({tenants}) AND l.id > $1 AND l.id <= $2 \
                 AND (l.authorized <> (SELECT coalesce(sum(d.amount), 0) FROM draws d WHERE d.tenant = l.tenant AND d.line_id = \
                 l.id AND d.state = 'AUTHORIZED') OR l.captured <> (SELECT coalesce(sum(d.captured), 0) FROM draws d WHERE \
                 d.tenant = l.tenant AND d.line_id = l.id AND d.state = 'CAPTURED') OR l.repaid <> (SELECT \
                 coalesce(sum(d.repaid), 0) FROM draws d WHERE d.tenant = l.tenant AND d.line_id = l.id AND d.state = \
                 'CAPTURED'))",
    },
    Rule {
        invariant: "I16",
        sentence: "No authorisation left a line above what bounded it then.",
        subject: "credit line",
        pieces: Some(LINES),
        broken: "SELECT DISTINCT e.tenant, e.line_id AS subject FROM (SELECT tenant, line_id, authorized, bound, sum(authorized + \
                 captured - repaid) OVER (PARTITION BY tenant, line_id ORDER BY sequence) AS exposure FROM draw_entries WHERE \
                 tenant IN ({tenants}) AND line_id > $1 AND line_id <= $2) e WHERE e.authorized > 0 AND e.bound < e.exposure",
    },
    Rule {
        invariant: "I16",
        sentence: "A draw is of a line.",
        subject: "draw",
        pieces: Some(DRAWS),
        broken: "SELECT d.tenant, d.id AS subject FROM draws d LEFT JOIN credit_lines l ON l.tenant = d.tenant AND l.id = \
                 d.line_id WHERE d.tenant IN ({tenants}) AND d.id > $1 AND d.id <= $2 AND l.id IS NULL",
    },
    Rule {
        invariant: "I16",
        sentence: "An entry of a line is of one of its draws.",
        subject: "credit line",
        pieces: Some(LINES),
        broken: "SELECT DISTINCT e.tenant, e.line_id AS subject FROM draw_entries e LEFT JOIN draws d ON d.tenant = e.tenant AND \
                 d.id = e.draw_id AND d.line_id = e.line_id WHERE e.tenant IN ({tenants}) AND e.line_id > $1 AND e.line_id <= $2 \
                 AND d.id IS NULL",
    },
    Rule {
        invariant: "I18",
        sentence: "No application is started within a cool-down.",
        subject: "application",
        pieces: Some(APPLICATIONS),
        broken: "SELECT DISTINCT b.tenant, b.id AS subject FROM applications b JOIN applications a ON a.tenant = b.tenant AND \
                 a.customer_id = b.customer_id AND a.programme_id = b.programme_id AND a.id < b.id AND a.state IN ('DECLINED', \
                 'WITHDRAWN') AND b.created_at < a.reapply_at WHERE b.tenant IN ({tenants}) AND b.id > $1 AND b.id <= $2",
    },
    Rule {
        invariant: "I20",
        sentence: "A draw is due no earlier than its purchase.",
        subject: "draw",
        pieces: Some(DRAWS),
        broken: "SELECT d.tenant, d.id AS subject FROM draws d WHERE d.tenant IN ({tenants}) AND d.id > $1 AND d.id <= $2 AND \
                 d.due_on < d.purchased_on",
    },
];

/// The history of a line is read by its index, so few lines make a piece.
const LINES: Pieces =
    Pieces { table: "credit_lines", key: "id", kind: Key::Uuid, rows: 100, key_first: true };
const DRAWS: Pieces =
    Pieces { table: "draws", key: "id", kind: Key::Uuid, rows: 1000, key_first: true };
const APPLICATIONS: Pieces =
    Pieces { table: "applications", key: "id", kind: Key::Uuid, rows: 1000, key_first: false };
