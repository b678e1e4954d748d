//! What gives bought credit back.

/// Refunds of top-ups, and the lot that a top-up made.
pub mod refunds {
    use crate::ddl::{DataStep, Guard, Step, Table};

    const STATEMENTS: &[&str] = &[
        "ALTER TABLE top_ups ADD COLUMN lot_id {uuid}",
        "ALTER TABLE top_ups ADD COLUMN refunded_credit bigint NOT NULL DEFAULT 0",
        "ALTER TABLE top_ups ADD COLUMN refunded_tax bigint NOT NULL DEFAULT 0",
        // A lot is made in the transaction that makes its top-up succeed, with the same instant.
        "UPDATE top_ups SET lot_id = (SELECT l.id FROM lots l WHERE l.tenant = top_ups.tenant AND l.wallet_id = top_ups.wallet_id \
         AND l.kind = 'PURCHASED' AND l.created_at = top_ups.updated_at AND l.amount = top_ups.amount - top_ups.tax \
         ORDER BY l.sequence LIMIT 1) WHERE state = 'SUCCEEDED'",
    ];

    const TABLES: &[Table] = &[Table {
        name: "top_up_refunds",
        columns: "tenant text NOT NULL, id {uuid} NOT NULL, top_up_id {uuid} NOT NULL, wallet_id {uuid} NOT NULL, state text NOT NULL, \
                  credit bigint NOT NULL CHECK (credit > 0), tax bigint NOT NULL CHECK (tax >= 0), currency text NOT NULL, \
                  explanation text NOT NULL, provider_refund_id text NOT NULL, created_at {time} NOT NULL, updated_at {time} NOT NULL, \
                  PRIMARY KEY (tenant, id), FOREIGN KEY (tenant, top_up_id) REFERENCES top_ups (tenant, id)",
        indexes: &["CREATE INDEX top_up_refunds_of_top_up ON top_up_refunds (tenant, top_up_id, id)"],
        guard: Guard::Tenant,
    }];

    pub const STEP: DataStep = DataStep {
        step: Step { name: "wallet_0009_top_up_refunds", postgres: &[], statements: STATEMENTS, tables: TABLES },
        unguarded: &["top_ups", "lots"],
    };
}
