//! Phase 2: decides the items one by one, in their order, without the database.

use super::load::Batch;
use crate::{
    commands::purchases::{PurchaseCommand, PurchaseItem},
    messages::{draws::whole_draw, purchases::purchase_captured},
};
use payterms_chassis::{AppError, WriteTx, batch::BatchEvent as Event};
use payterms_kernel::Refusal;
use payterms_proto::credit::v1::{
    AuthorizeDrawResponse, CaptureDrawResponse, PurchaseCaptured, VoidDrawResponse,
};
use prost::{Message, Name};

impl Batch {
    /// Decides one item and answers its response's bytes; a refused one changes nothing.
    pub(super) fn decide(
        &mut self,
        tx: &mut WriteTx,
        item: &PurchaseItem,
    ) -> Result<Vec<u8>, AppError> {
        let (tenant, now, today) = (tx.call().tenant.clone(), tx.now(), tx.today());
        tx.ids_from(&item.call.request_id.to_string());
        let named = item.command.line();
        let found = self.index.get(&named.line).and_then(|index| self.lines.get_mut(*index));
        let locked =
            found.filter(|line| line.customer == named.customer).ok_or_else(Refusal::not_found)?;
        let fault = || AppError::Fault(format!("line {} without a programme", named.line));
        let programme = self.programmes.get(&locked.programme).ok_or_else(fault)?;
        let mut line = locked.clone();
        let stored = |id| {
            self.draws
                .get(&id)
                .filter(|(line, _)| *line == named.line)
                .map(|(_, draw)| draw.clone())
        };
        let (draw, entry, answer) = match &item.command {
            PurchaseCommand::Authorize(_, purchase) => {
                let buyer = self.buyers.get(&line.customer).ok_or_else(Refusal::not_found)?;
                let in_plan = if programme.draws_during_plans {
                    None
                } else {
                    self.planned.get(&line.customer)
                };
                let (draw, entry) = line.purchase(
                    tx.ids(),
                    purchase,
                    (buyer, &self.rules),
                    (programme.cap, in_plan),
                    now,
                )?;
                let answer =
                    AuthorizeDrawResponse { draw: Some(whole_draw(&tenant, &line, &draw)) }
                        .encode_to_vec();
                (draw, entry, answer)
            }
            PurchaseCommand::Capture(draw_ref, parts) => {
                let mut draw = stored(draw_ref.draw).ok_or_else(Refusal::not_found)?;
                let entry = line.capture_purchase(
                    &mut draw,
                    tx.ids(),
                    parts,
                    programme.plans_allowed,
                    today,
                    now,
                )?;
                let event = purchase_captured(&tenant, &line, &draw);
                let answer = CaptureDrawResponse { draw: event.draw.clone() }.encode_to_vec();
                let (id, kind, data) =
                    (draw.id.uuid(), PurchaseCaptured::full_name(), event.encode_to_vec());
                self.captured.push(Event { by: item.call.clone(), id, kind, data });
                (draw, entry, answer)
            }
            PurchaseCommand::Void(draw_ref) => {
                let mut draw = stored(draw_ref.draw).ok_or_else(Refusal::not_found)?;
                let entry = line.void_purchase(&mut draw, now)?;
                let answer = VoidDrawResponse { draw: Some(whole_draw(&tenant, &line, &draw)) }
                    .encode_to_vec();
                (draw, entry, answer)
            }
        };
        self.changed.push((line.id, draw.id, entry, item.call.clone()));
        self.draws.insert(draw.id, (line.id, draw));
        *locked = line;
        self.answers.push((item.call.clone(), answer.clone()));
        Ok(answer)
    }
}
