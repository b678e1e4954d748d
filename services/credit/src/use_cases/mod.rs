//! One verb a file: lock, look the request up, let the domain decide, save, commit.

pub mod apply;
pub mod change_line;
pub mod draw_for_payment;
pub mod expire_draw;
pub mod follow_invoice;
pub mod judge_line;
pub mod link_bank;
pub mod move_line;
pub mod offer_line;
pub mod policies;
pub mod programmes;
pub mod purchase;
pub mod read_applications;
pub mod read_draws;
pub mod read_lines;
pub mod review;
pub mod submit;

use crate::{
    jobs,
    parse::LineRef,
    render,
    store::{draws, entries, lines},
};
use payterms_chassis::{
    AppError, Call, WriteTx,
    jobs::{cancel, schedule},
};
use payterms_credit_domain::{Draw, Line, draw::Entry};
use payterms_kernel::{
    Actor, Refusal, Side,
    calendar::{day_in, start_of_day},
};
use payterms_proto::credit::v1::{CreditLine, CreditLineChanged};
use prost::{Message, Name};

/// What changed beside a line's own row.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Draws that changed.
    pub(crate) draws: Vec<Draw>,
    /// What they did to the exposure.
    pub(crate) entries: Vec<Entry>,
}

/// The line that a request names, its row locked.
async fn locked(tx: &WriteTx, named: &LineRef) -> Result<Line, AppError> {
    let found = lines::lock(tx.conn(), &named.tenant, named.line).await?;
    Ok(found.filter(|line| line.customer == named.customer).ok_or_else(Refusal::not_found)?)
}

/// Saves a line and what was drawn, judges what follows, tells how it stands, and lets it be judged again when that
/// is due.
pub(crate) async fn publish(tx: &mut WriteTx, line: &mut Line, news: News) -> Result<CreditLine, AppError> {
    Ok(told(tx, line, news).await?.0)
}

/// The same; answers the version that the line's aggregate came to as well.
async fn told(tx: &mut WriteTx, line: &mut Line, news: News) -> Result<(CreditLine, i64), AppError> {
    let (tenant, now, zone) = (tx.call().tenant.clone(), tx.now(), tx.time().zone);
    if !news.draws.is_empty() {
        draws::save_many(tx, line.id, &news.draws).await?;
        entries::append(tx, line.id, &news.entries).await?;
        [line.next_due, line.first_due] = draws::earliest_due(tx.conn(), &tenant, line.id).await?;
    }
    line.judge(day_in(zone, now), now);
    lines::save(tx.conn(), &tenant, line).await?;
    let rendered = render::line(&tenant, line)?;
    let event = CreditLineChanged {
        credit_line: Some(rendered.clone()),
        edges: line.taken.drain(..).map(|taken| render::edge(&taken, false)).collect(),
        draws: news.draws.iter().map(|draw| render::draw(&tenant, line, draw)).collect(),
    };
    let id = line.id.to_string();
    let version = tx.emit_bytes("credit_line", &id, &CreditLineChanged::full_name(), event.encode_to_vec()).await?;
    let at = match line.judged_after() {
        (Some(at), _) => Some(at),
        (None, day) => day.map(|day| start_of_day(zone, day)),
    };
    match at {
        Some(at) => schedule(tx, jobs::JUDGE, &id, at).await?,
        None => cancel(tx, jobs::JUDGE, &id).await?,
    }
    Ok((rendered, version))
}

/// Who calls, on which side: the access table lets no other side call the method.
fn actor(call: &Call, side: Side) -> Actor {
    Actor { side, subject: call.caller.subject.clone() }
}
