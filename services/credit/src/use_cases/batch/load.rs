//! Phase 1: locks the lines of a batch, then reads all that decides on its items.

use crate::{
    commands::purchases::{PurchaseCommand, PurchaseItem},
    messages::draws::in_plan,
    store::{customers, draws, lines, programmes, tax_rules},
};
use payterms_chassis::{AppError, Call, WriteTx, batch::BatchEvent as Event};
use payterms_credit_domain::{
    Customer, Draw, Line, Programme,
    draw::{Entry, InPlan},
    purchase::{Buyer, TaxRule},
};
use payterms_kernel::Id;
use std::collections::HashMap;

/// The lines and draws of a batch with all that decides on them, and what was decided.
pub(super) struct Batch {
    /// The lines, locked, in the order of their ids.
    pub(super) lines: Vec<Line>,
    /// Where in `lines` each line is.
    pub(super) index: HashMap<Id<Line>, usize>,
    /// The draws that items name, and those that were made, each with its line.
    pub(super) draws: HashMap<Id<Draw>, (Id<Line>, Draw)>,
    pub(super) programmes: HashMap<Id<Programme>, Programme>,
    pub(super) buyers: HashMap<Id<Customer>, Buyer>,
    /// Of customers who have one, an invoice in a payment plan.
    pub(super) planned: HashMap<Id<Customer>, InPlan>,
    pub(super) rules: Vec<TaxRule>,
    /// What changed, and by which call.
    pub(super) changed: Vec<(Id<Line>, Id<Draw>, Entry, Call)>,
    /// Events of captures, from which invoices are made.
    pub(super) captured: Vec<Event>,
    /// The answers of what was decided.
    pub(super) answers: Vec<(Call, Vec<u8>)>,
    /// The version that each line and purchase came to, by its id; filled when the batch is saved.
    pub(super) versions: HashMap<String, String>,
}

impl Batch {
    /// Locks and reads; nothing is decided before every line is locked.
    pub(super) async fn load(tx: &WriteTx, items: &[PurchaseItem]) -> Result<Self, AppError> {
        let (conn, tenant) = (tx.conn(), &tx.call().tenant);
        let ids: Vec<_> = items.iter().map(|item| item.command.line().line).collect();
        let lines = lines::lock_many(conn, tenant, &ids).await?;
        let named: Vec<_> = items.iter().filter_map(|item| item.command.draw()).collect();
        let draws = draws::find_many(conn, tenant, &named).await?;
        let draws = draws.into_iter().map(|(line, draw)| (draw.id, (line, draw))).collect();
        let programmes: Vec<_> = lines.iter().map(|line| line.programme).collect();
        let programmes = programmes::find_many(conn, tenant, &programmes)
            .await?
            .into_iter()
            .map(|programme| (programme.id, programme))
            .collect();
        let mut batch = Self {
            index: lines.iter().enumerate().map(|(index, line)| (line.id, index)).collect(),
            lines,
            draws,
            programmes,
            buyers: HashMap::new(),
            planned: HashMap::new(),
            rules: Vec::new(),
            changed: Vec::new(),
            captured: Vec::new(),
            answers: Vec::new(),
            versions: HashMap::new(),
        };
        // What decides on new draws alone.
        if items.iter().any(|item| matches!(item.command, PurchaseCommand::Authorize(..)))
            && !batch.lines.is_empty()
        {
            let customers: Vec<_> = batch.lines.iter().map(|line| line.customer).collect();
            batch.buyers = customers::buyers(conn, tenant, &customers).await?;
            let planned = customers::planned(conn, tenant, &customers).await?.into_iter();
            batch.planned = planned
                .map(|(customer, (invoice, plan))| {
                    (customer, in_plan(tenant, customer, invoice, plan))
                })
                .collect();
            batch.rules = tax_rules::find(conn, tenant).await?;
        }
        Ok(batch)
    }
}
