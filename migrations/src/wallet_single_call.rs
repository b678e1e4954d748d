//! The steps that make the fast path's procedure: a debit that is alone in its batch, in one round
//! trip to PostgreSQL.

use crate::ddl::Step;

/// The fast path's procedure as it is now. To change it, copy the file to
/// `post_single_call_NNNN.sql`, with the number of a new step that runs the copy, and name the copy
/// here: the files of released steps never change.
pub const POST_SINGLE_CALL: &str = include_str!("post_single_call_0007.sql");

const POSTGRES: &[&str] =
    &["DROP FUNCTION post_alone(jsonb)", include_str!("post_single_call_0007.sql")];

/// A procedure instead of a function: it proves that its transaction was committed.
pub const STEP: Step =
    Step { name: "wallet_0006_single_call", postgres: POSTGRES, statements: &[], tables: &[] };

/// What is owed because a transfer was taken back is a part of the debt that nothing collects by
/// itself. The procedure is made anew, since it saves whole rows of wallets.
pub const UNDONE: Step = Step {
    name: "wallet_0007_undone",
    postgres: &[include_str!("post_single_call_0007.sql")],
    statements: &["ALTER TABLE wallets ADD COLUMN owed_undone bigint NOT NULL DEFAULT 0"],
    tables: &[],
};
