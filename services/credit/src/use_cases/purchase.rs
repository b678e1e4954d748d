//! Purchases without an invoice, one at a time or many together: lock the lines, look the requests up, let the domain
//! decide each, save and commit all of them.
//!
//! A single call is a batch of one, so there is one way to do a verb. A refused purchase leaves its line as it was.

use super::{changed, put};
use crate::{
    App, jobs,
    parse::LineRef,
    parse_purchases::DrawRef,
    render,
    store::{customers, draws, lines, programmes, purchases},
};
use payterms_chassis::{
    Answer, AppError, Call, Db, WriteTx,
    batch::{self, Known, Told},
    committer::{Bounds, Committer, Key},
    jobs::{cancel_many, schedule_many},
    kill,
};
use payterms_credit_domain::{
    Customer, Draw, Line, Programme,
    draw::Entry,
    purchase::{Asked, Buyer, Part, TaxRule},
};
use payterms_kernel::{Id, Refusal, calendar::day_in};
use payterms_proto::credit::v1::{
    AuthorizeDrawResponse, CaptureDrawResponse, CreditLineChanged, DrawChanged, PurchaseCaptured, VoidDrawResponse,
};
use prost::{Message, Name};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Verbs in one transaction.
const BATCH: usize = 1_000;

/// What is asked of a line.
#[derive(Debug, Clone)]
pub enum Command {
    /// A purchase is reserved.
    Authorize(LineRef, Asked),
    /// All or some of a purchase becomes owed.
    Capture(DrawRef, Vec<Part>),
    /// A purchase is released.
    Void(DrawRef),
}

impl Command {
    fn line(&self) -> &LineRef {
        match self {
            Self::Authorize(line, _) => line,
            Self::Capture(named, _) | Self::Void(named) => &named.line,
        }
    }

    fn draw(&self) -> Option<Id<Draw>> {
        match self {
            Self::Authorize(..) => None,
            Self::Capture(named, _) | Self::Void(named) => Some(named.draw),
        }
    }

    fn kill_point(&self) -> &'static str {
        match self {
            Self::Authorize(..) => "purchase.before_authorize",
            Self::Capture(..) => "purchase.before_capture",
            Self::Void(_) => "purchase.before_void",
        }
    }
}

/// One command with what identifies it.
#[derive(Debug, Clone)]
pub struct Item {
    /// The call.
    pub call: Call,
    /// What is asked.
    pub command: Command,
}

/// What became of one item.
pub type Outcome = Result<Answer<Vec<u8>>, AppError>;

/// Does single calls together.
pub type PurchaseCommitter = Committer<Item, Answer<Vec<u8>>>;

/// A committer over credit's database.
#[must_use]
pub fn committer(db: &Db) -> PurchaseCommitter {
    let db = db.clone();
    Committer::new(Bounds { batch: BATCH, of_one: 8_000, in_all: 16_000, at_once: 4 }, move |items: Arc<[Item]>| {
        let db = db.clone();
        async move { run_many(&db, &items).await }
    })
}

/// Does one verb, together with those that wait.
///
/// # Errors
/// Those of the verb, `RESOURCE_NOT_FOUND`, `OVERLOADED`.
pub async fn run<M: Message + Default>(app: &App, item: Item) -> Result<Answer<M>, AppError> {
    let answer = app.purchases.submit(Key::of(&item.call, item.command.line().line.uuid()), item).await?;
    Ok(Answer { message: M::decode(answer.message.as_slice())?, replayed: answer.replayed, versions: answer.versions })
}

/// Does the verbs of one tenant, in their order.
///
/// # Errors
/// The database's: then none is done.
async fn run_many(db: &Db, items: &[Item]) -> Result<Vec<Outcome>, AppError> {
    let Some(first) = items.first() else { return Ok(Vec::new()) };
    let mut tx = db.begin(&first.call).await?;
    let mut loaded = Loaded::load(&tx, items).await?;
    let calls: Vec<_> = items.iter().map(|item| &item.call).collect();
    let mut answered = batch::seen(&tx, &calls).await?;
    let (mut outcomes, mut fresh) = (Vec::with_capacity(items.len()), Vec::new());
    for item in items {
        if let Some(known) = answered.get(&item.call.request_id) {
            outcomes.push(batch::replay(&item.call, known));
            continue;
        }
        outcomes.push(loaded.decide(&mut tx, item).map(|answer| {
            let known = Known { input_hash: item.call.input_hash.clone(), answer: Some(answer.clone()) };
            answered.insert(item.call.request_id, known);
            fresh.push((item.call.clone(), answer.clone()));
            Answer { message: answer, replayed: false, versions: Vec::new() }
        }));
    }
    if let Some((call, _)) = fresh.first() {
        // An id is answered once, so no other batch has this cause.
        tx.ids_from(&format!("batch/{}", call.request_id));
        batch::answer(&tx, fresh).await?;
        let versions = loaded.save(&mut tx).await?;
        for (item, outcome) in items.iter().zip(&mut outcomes) {
            if let Some(own) = outcome.as_mut().ok().filter(|own| !own.replayed) {
                own.versions.extend(versions.get(&item.command.line().line.to_string()).cloned());
                own.versions.extend(item.command.draw().and_then(|draw| versions.get(&draw.to_string()).cloned()));
            }
        }
    }
    kill::point(first.command.kill_point());
    tx.commit_rows().await?;
    Ok(outcomes)
}

/// The lines and draws of a batch with all that decides on them, and what was decided.
struct Loaded {
    lines: Vec<Line>,
    places: HashMap<Id<Line>, usize>,
    draws: HashMap<Id<Draw>, (Id<Line>, Draw)>,
    programmes: HashMap<Id<Programme>, Programme>,
    buyers: HashMap<Id<Customer>, Buyer>,
    planning: HashSet<Id<Customer>>,
    rules: Vec<TaxRule>,
    /// What changed, and by which call.
    changed: Vec<(Id<Line>, Id<Draw>, Entry, Call)>,
    captured: Vec<Told>,
}

impl Loaded {
    async fn load(tx: &WriteTx, items: &[Item]) -> Result<Self, AppError> {
        let (conn, tenant) = (tx.conn(), &tx.call().tenant);
        let ids: Vec<_> = items.iter().map(|item| item.command.line().line).collect();
        let lines = lines::lock_many(conn, tenant, &ids).await?;
        let named: Vec<_> = items.iter().filter_map(|item| item.command.draw()).collect();
        let draws = draws::find_many(conn, tenant, &named).await?;
        let draws = draws.into_iter().map(|(line, draw)| (draw.id, (line, draw))).collect();
        let programmes: Vec<_> = lines.iter().map(|line| line.programme).collect();
        let programmes = programmes::find_many(conn, tenant, &programmes).await?.into_iter().map(|own| (own.id, own)).collect();
        let mut own = Self {
            places: lines.iter().enumerate().map(|(place, line)| (line.id, place)).collect(),
            lines,
            draws,
            programmes,
            buyers: HashMap::new(),
            planning: HashSet::new(),
            rules: Vec::new(),
            changed: Vec::new(),
            captured: Vec::new(),
        };
        // What decides on new ones alone.
        if items.iter().any(|item| matches!(item.command, Command::Authorize(..))) && !own.lines.is_empty() {
            let customers: Vec<_> = own.lines.iter().map(|line| line.customer).collect();
            own.buyers = customers::buyers(conn, tenant, &customers).await?;
            own.planning = customers::planning(conn, tenant, &customers).await?;
            own.rules = purchases::rules(conn, tenant).await?;
        }
        Ok(own)
    }

    /// Decides one item; a refused one changes nothing.
    fn decide(&mut self, tx: &mut WriteTx, item: &Item) -> Result<Vec<u8>, AppError> {
        let (tenant, now, today) = (tx.call().tenant.clone(), tx.now(), day_in(tx.time().zone, tx.now()));
        tx.ids_from(&item.call.request_id.to_string());
        let named = item.command.line();
        let found = self.places.get(&named.line).and_then(|place| self.lines.get_mut(*place));
        let locked = found.filter(|line| line.customer == named.customer).ok_or_else(Refusal::not_found)?;
        let fault = || AppError::Fault(format!("line {} without a programme", named.line));
        let programme = self.programmes.get(&locked.programme).ok_or_else(fault)?;
        let mut line = locked.clone();
        let own = |id| self.draws.get(&id).filter(|(line, _)| *line == named.line).map(|(_, draw)| draw.clone());
        let (draw, entry, answer) = match &item.command {
            Command::Authorize(_, asked) => {
                let buyer = self.buyers.get(&line.customer).ok_or_else(Refusal::not_found)?;
                let in_plan = !programme.draws_during_plans && self.planning.contains(&line.customer);
                let (draw, entry) = line.purchase(tx.ids(), asked, (buyer, &self.rules), (programme.cap, in_plan), now)?;
                let answer = AuthorizeDrawResponse { draw: Some(render::whole_draw(&tenant, &line, &draw)) }.encode_to_vec();
                (draw, entry, answer)
            }
            Command::Capture(named, parts) => {
                let mut draw = own(named.draw).ok_or_else(Refusal::not_found)?;
                let entry = line.capture_purchase(&mut draw, tx.ids(), (parts, programme.plans_allowed), today, now)?;
                let told = render::purchase(&tenant, &line, &draw);
                let answer = CaptureDrawResponse { draw: told.draw.clone() }.encode_to_vec();
                let (id, kind, data) = (draw.id.uuid(), PurchaseCaptured::full_name(), told.encode_to_vec());
                self.captured.push(Told { by: item.call.clone(), id, kind, data });
                (draw, entry, answer)
            }
            Command::Void(named) => {
                let mut draw = own(named.draw).ok_or_else(Refusal::not_found)?;
                let entry = line.void_purchase(&mut draw, now)?;
                let answer = VoidDrawResponse { draw: Some(render::whole_draw(&tenant, &line, &draw)) }.encode_to_vec();
                (draw, entry, answer)
            }
        };
        self.changed.push((line.id, draw.id, entry, item.call.clone()));
        self.draws.insert(draw.id, (line.id, draw));
        *locked = line;
        Ok(answer)
    }

    /// Saves everything that was decided; answers the version that each line and purchase came to, by its id.
    async fn save(mut self, tx: &mut WriteTx) -> Result<HashMap<String, String>, AppError> {
        let tenant = tx.call().tenant.clone();
        let mut draws: Vec<(Id<Line>, Draw)> = Vec::new();
        // A draw that changed twice is saved as it stands in the end.
        let once: HashSet<_> = self.changed.iter().map(|(_, draw, ..)| *draw).collect();
        draws.extend(once.iter().filter_map(|id| self.draws.remove(id)));
        draws.sort_unstable_by_key(|(_, draw)| draw.id.uuid());
        let entries: Vec<_> = self.changed.iter().map(|(line, _, entry, _)| (*line, *entry)).collect();
        let touched: HashSet<_> = self.changed.iter().map(|(line, ..)| *line).collect();
        let mut lines: Vec<_> = self.lines.iter_mut().filter(|line| touched.contains(&line.id)).collect();
        put(tx, &mut lines, &draws, &entries).await?;
        let by: HashMap<_, _> = self.changed.iter().map(|(line, draw, _, call)| (*draw, (*line, call))).collect();
        let (mut of_draws, mut of_lines) = (Vec::new(), Vec::new());
        let standing: HashMap<_, _> = lines.iter().map(|line| (line.id, &**line)).collect();
        for (line, draw) in &draws {
            let (Some(line), Some((_, call))) = (standing.get(line), by.get(&draw.id)) else { continue };
            let data = DrawChanged { draw: Some(render::whole_draw(&tenant, line, draw)) }.encode_to_vec();
            of_draws.push(Told { by: (*call).clone(), id: draw.id.uuid(), kind: DrawChanged::full_name(), data });
        }
        // What only its exposure changed is told by its draws.
        for line in lines.into_iter().filter(|line| !line.taken.is_empty()) {
            let id = line.id;
            let own = draws.iter().filter(|(of, _)| *of == id).map(|(_, draw)| draw);
            let call = by.values().find(|(of, _)| *of == id).map_or_else(|| tx.call().clone(), |(_, call)| (*call).clone());
            let data = changed(&tenant, line, own)?.encode_to_vec();
            of_lines.push(Told { by: call, id: id.uuid(), kind: CreditLineChanged::full_name(), data });
        }
        let mut versions = HashMap::new();
        for (aggregate, events) in [("draw", of_draws), ("credit_line", of_lines), ("purchase", self.captured)] {
            let emitted = batch::emit(tx, aggregate, events).await?;
            let named = emitted.into_iter().map(|(id, version)| (id.to_string(), format!("{aggregate}/{id}@{version}")));
            // Of a draw that was captured, what is waited for is its invoice.
            versions.extend(named);
        }
        let due = draws.iter().filter_map(|(_, draw)| Some((draw.id.to_string(), draw.expires_at()?)));
        schedule_many(tx, jobs::EXPIRE_DRAW, &due.collect::<Vec<_>>()).await?;
        let ended = draws.iter().filter(|(_, draw)| draw.expires_at().is_none()).map(|(_, draw)| draw.id.to_string());
        cancel_many(tx, jobs::EXPIRE_DRAW, &ended.collect::<Vec<_>>()).await?;
        Ok(versions)
    }
}
