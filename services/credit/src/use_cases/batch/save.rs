//! Phase 3: saves what was decided, emits its events and schedules what falls due, whatever the
//! size of the batch.

use super::load::Batch;
use crate::{
    messages::draws::whole_draw,
    use_cases::{
        advised_limits::lapse::lapse_with_line,
        draws::expire,
        lines::save::{line_changed, save_lines},
    },
};
use payterms_chassis::{
    AppError, WriteTx,
    batch::{self, BatchEvent as Event},
    jobs::{cancel_many, schedule_many},
};
use payterms_credit_domain::{Draw, Line, advised::concerns};
use payterms_kernel::Id;
use payterms_proto::credit::v1::{CreditLineChanged, DrawChanged};
use prost::{Message, Name};
use std::collections::{HashMap, HashSet};

impl Batch {
    /// Saves everything that was decided.
    pub(super) async fn save(&mut self, tx: &mut WriteTx) -> Result<(), AppError> {
        let tenant = tx.call().tenant.clone();
        batch::answer(tx, std::mem::take(&mut self.answers)).await?;
        let mut draws: Vec<(Id<Line>, Draw)> = Vec::new();
        // A draw that changed twice is saved as it stands in the end.
        let once: HashSet<_> = self.changed.iter().map(|(_, draw, ..)| *draw).collect();
        draws.extend(once.iter().filter_map(|id| self.draws.remove(id)));
        draws.sort_unstable_by_key(|(_, draw)| draw.id.uuid());
        let entries: Vec<_> =
            self.changed.iter().map(|(line, _, entry, _)| (*line, *entry)).collect();
        let touched: HashSet<_> = self.changed.iter().map(|(line, ..)| *line).collect();
        let mut lines: Vec<_> =
            self.lines.iter_mut().filter(|line| touched.contains(&line.id)).collect();
        save_lines(tx, &mut lines, &draws, &entries).await?;
        let by: HashMap<_, _> =
            self.changed.iter().map(|(line, draw, _, call)| (*draw, (*line, call))).collect();
        let (mut draw_events, mut line_events) = (Vec::new(), Vec::new());
        let by_id: HashMap<_, _> = lines.iter().map(|line| (line.id, &**line)).collect();
        for (line, draw) in &draws {
            let (Some(line), Some((_, call))) = (by_id.get(line), by.get(&draw.id)) else {
                continue;
            };
            let data = DrawChanged { draw: Some(whole_draw(&tenant, line, draw)) }.encode_to_vec();
            draw_events.push(Event {
                by: (*call).clone(),
                id: draw.id.uuid(),
                kind: DrawChanged::full_name(),
                data,
            });
        }
        let ends_advice: Vec<Line> = lines
            .iter()
            .filter(|line| line.taken.iter().any(concerns))
            .map(|line| (**line).clone())
            .collect();
        // If only the exposure of a line changed, no event is published: the draws' events carry
        // it.
        for line in lines.into_iter().filter(|line| !line.taken.is_empty()) {
            let id = line.id;
            let drawn = draws.iter().filter(|(of, _)| *of == id).map(|(_, draw)| draw);
            let call = by
                .values()
                .find(|(of, _)| *of == id)
                .map_or_else(|| tx.call().clone(), |(_, call)| (*call).clone());
            let data = line_changed(&tenant, line, drawn)?.encode_to_vec();
            line_events.push(Event {
                by: call,
                id: id.uuid(),
                kind: CreditLineChanged::full_name(),
                data,
            });
        }
        for (aggregate, events) in [
            ("draw", draw_events),
            ("credit_line", line_events),
            ("purchase", std::mem::take(&mut self.captured)),
        ] {
            let emitted = batch::emit(tx, aggregate, events).await?;
            // Of a draw that was captured, what is waited for is its invoice: `purchase` comes
            // last.
            self.versions.extend(
                emitted
                    .into_iter()
                    .map(|(id, version)| (id.to_string(), format!("{aggregate}/{id}@{version}"))),
            );
        }
        for line in &ends_advice {
            lapse_with_line(tx, line).await?;
        }
        let due =
            draws.iter().filter_map(|(_, draw)| Some((draw.id.to_string(), draw.expires_at()?)));
        schedule_many(tx, expire::JOB, &due.collect::<Vec<_>>()).await?;
        let ended = draws
            .iter()
            .filter(|(_, draw)| draw.expires_at().is_none())
            .map(|(_, draw)| draw.id.to_string());
        cancel_many(tx, expire::JOB, &ended.collect::<Vec<_>>()).await?;
        Ok(())
    }
}
