//! What must always hold in the rows of plans, each as a query for what breaks it. The law is in
//! docs/domain/plans.md.

use payterms_chassis::rules::{Key, Pieces, Rule};

/// All rules of the service.
pub const ALL: &[Rule] = &[
    Rule {
        invariant: "I21",
        sentence: "What is unpaid of a plan's instalments is what is open of its invoices.",
        subject: "plan",
        pieces: Some(PLANS),
        broken: "SELECT p.tenant, p.id AS subject FROM plans p WHERE p.tenant IN ({tenants}) AND p.id > $1 AND p.id <= $2 AND \
                 p.state IN ('ACTIVE', 'IN_GRACE', 'BREACHED') AND (SELECT coalesce(sum(n.amount - n.paid), 0) FROM instalments n \
                 WHERE n.tenant = p.tenant AND n.plan_id = p.id AND n.offer = 1) <> (SELECT coalesce(sum(c.open), 0) FROM \
                 covered_invoices c WHERE c.tenant = p.tenant AND c.plan_id = p.id)",
    },
    Rule {
        invariant: "I23",
        sentence: "The days of a plan's instalments rise.",
        subject: "plan",
        pieces: Some(PLANS),
        broken: "SELECT DISTINCT a.tenant, a.plan_id AS subject FROM instalments a JOIN instalments b ON b.tenant = a.tenant AND \
                 b.plan_id = a.plan_id AND b.offer = a.offer AND b.place > a.place AND b.due_on <= a.due_on WHERE a.tenant IN \
                 ({tenants}) AND a.plan_id > $1 AND a.plan_id <= $2",
    },
    Rule {
        invariant: "I29",
        sentence: "Each step of a plan begins where the one before ended.",
        subject: "plan",
        pieces: Some(PLANS),
        broken: "SELECT DISTINCT a.tenant, a.plan_id AS subject FROM plan_history a JOIN plan_history b ON b.tenant = a.tenant \
                 AND b.plan_id = a.plan_id AND b.sequence = a.sequence + 1 WHERE a.tenant IN ({tenants}) AND a.plan_id > $1 AND \
                 a.plan_id <= $2 AND b.from_state <> a.to_state",
    },
];

const PLANS: Pieces =
    Pieces { table: "plans", key: "id", kind: Key::Uuid, rows: 500, key_first: false };
