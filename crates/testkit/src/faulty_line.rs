//! A line between two services that breaks: it carries bytes until an armed fault cuts each
//! connection at a place of the HTTP/2 conversation, or answers in the callee's stead with what no
//! service of the suite would say.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::Notify,
};

/// Where in the conversation a line breaks; inside a frame it is in the midst of its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before the first byte.
    Start,
    /// In the bytes that open an HTTP/2 connection.
    Preface,
    /// In the headers of the request.
    RequestHeaders,
    /// In the message.
    RequestBody,
    /// The callee has all of it, the caller nothing.
    Answer,
    /// In the headers of the answer.
    AnswerHeaders,
    /// In the message that answers.
    AnswerBody,
    /// In the trailers, the message has come whole.
    Trailers,
}

/// All places, in the order of a conversation.
pub const PLACES: [Place; 8] = [
    Place::Start,
    Place::Preface,
    Place::RequestHeaders,
    Place::RequestBody,
    Place::Answer,
    Place::AnswerHeaders,
    Place::AnswerBody,
    Place::Trailers,
];

/// How a line breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Both sides are closed.
    Fin,
    /// Both sides are reset.
    Reset,
    /// These bytes come instead of an answer, then the end.
    Bytes(&'static [u8]),
    /// The connection is told to go away, with this error.
    GoAway(u8),
    /// The call is reset, with this error.
    ResetStream(u8),
    /// Somebody on the way answers with this bare gRPC status.
    Foreign(&'static str),
}

/// What is armed: calls of a connection that pass, then the cut of the next one at a place. What is
/// put in the place of an answer comes at [`Place::Answer`].
pub type Fault = (usize, Place, Cut);

#[derive(Debug, Default)]
struct State {
    /// What new connections meet, and what each of them holds while it stands.
    armed: Mutex<(Option<Fault>, Arc<()>)>,
    cuts: AtomicUsize,
    changed: Notify,
}

/// A line to a service.
#[derive(Debug, Clone)]
pub struct FaultyLine {
    /// Where it is entered.
    pub at: SocketAddr,
    state: Arc<State>,
}

impl FaultyLine {
    /// A whole line to `target`.
    #[must_use]
    pub fn to(target: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener");
        let (at, state) = (listener.local_addr().expect("an address"), Arc::<State>::default());
        let listener = TcpListener::from_std(listener).expect("a listener");
        let this_state = state.clone();
        tokio::spawn(async move {
            while let Ok((caller, _)) = listener.accept().await {
                tokio::spawn(carry(this_state.clone(), caller, target));
            }
        });
        Self { at, state }
    }

    /// Breaks: connections that stand are reset, new ones meet the fault.
    pub async fn breaks(&self, fault: Fault) {
        self.set(Some(fault)).await;
    }

    /// Heals; what was broken is connected anew.
    pub async fn heals(&self) {
        self.set(None).await;
    }

    /// How often it has cut since it was made.
    #[must_use]
    pub fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::Relaxed)
    }

    async fn set(&self, fault: Option<Fault>) {
        let fresh = (fault, Arc::default());
        let (_, standing) = std::mem::replace(
            &mut *self.state.armed.lock().unwrap_or_else(PoisonError::into_inner),
            fresh,
        );
        self.state.changed.notify_waiters();
        while Arc::strong_count(&standing) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn carry(state: Arc<State>, caller: TcpStream, target: SocketAddr) {
    let changed = state.changed.notified();
    let (fault, _stands) = state.armed.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let Ok(callee) = TcpStream::connect(target).await else { return };
    let _ = (caller.set_nodelay(true), callee.set_nodelay(true));
    let ((from_caller, to_caller), (from_callee, to_callee)) =
        (caller.into_split(), callee.into_split());
    let (mut there, mut back) =
        (Way::new(from_caller, to_callee, PREFACE), Way::new(from_callee, to_caller, 0));
    let cut = tokio::select! {
        () = changed => Some(Cut::Reset),
        cut = conversation(&mut there, &mut back, fault) => cut,
    };
    let Some(cut) = cut else { return };
    if fault.is_some() {
        state.cuts.fetch_add(1, Ordering::Relaxed);
    }
    let said = match cut {
        Cut::Fin | Cut::Reset => Vec::new(),
        Cut::Bytes(bytes) => bytes.to_vec(),
        Cut::GoAway(error) => frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, error]),
        Cut::ResetStream(error) => frame(3, 0, back.stream, &[0, 0, 0, error]),
        Cut::Foreign(code) => frame(1, 5, back.stream, &foreign(code)),
    };
    if !said.is_empty() {
        let _ = back.to.write_all(&said).await;
        // It has to be read before the end comes.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if cut == Cut::Reset
        && let (Ok(caller), Ok(callee)) = (there.from.reunite(back.to), back.from.reunite(there.to))
    {
        let _ = (caller.set_zero_linger(), callee.set_zero_linger());
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short frame");
    let mut frame = vec![0, 0, length, kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Headers of an answer without a message, as a proxy makes them: `:status 200`, its kind, and the
/// status.
fn foreign(code: &str) -> Vec<u8> {
    let mut block = vec![0x88];
    for (name, value) in [("content-type", "application/grpc"), ("grpc-status", code)] {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("a short header"));
            block.extend(text.as_bytes());
        }
    }
    block
}

/// Carries both ways until the place of the fault is reached, or an end closes.
async fn conversation(there: &mut Way, back: &mut Way, fault: Option<Fault>) -> Option<Cut> {
    let Some((passing, place, cut)) = fault else {
        tokio::join!(there.carry(None), back.carry(None));
        return None;
    };
    let stop = match place {
        Place::Start | Place::Preface => Stop::Preface,
        Place::RequestHeaders | Place::AnswerHeaders => Stop::Headers(passing),
        Place::RequestBody | Place::AnswerBody => Stop::Data(passing),
        Place::Answer => Stop::BeforeHeaders(passing),
        Place::Trailers => Stop::Trailers(passing),
    };
    if place == Place::Start {
        return Some(cut);
    }
    let in_answer =
        matches!(place, Place::Answer | Place::AnswerHeaders | Place::AnswerBody | Place::Trailers);
    let (cuts, carries) = if in_answer { (back, there) } else { (there, back) };
    tokio::select! {
        reached = cuts.carry(Some(stop)) => reached.then_some(cut),
        _ = carries.carry(None) => None,
    }
}

/// Where one way stops, after so many calls have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Preface,
    BeforeHeaders(usize),
    Headers(usize),
    Data(usize),
    Trailers(usize),
}

/// One way of a connection, and what has gone it.
#[derive(Debug)]
struct Way {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    /// Read, not yet carried.
    held: Vec<u8>,
    /// Bytes that open the connection and are no frame.
    preface: usize,
    /// Calls whose headers were seen.
    streams: HashSet<u32>,
    /// The call of the last frame.
    stream: u32,
}

impl Way {
    fn new(from: OwnedReadHalf, to: OwnedWriteHalf, preface: usize) -> Self {
        Self { from, to, held: Vec::new(), preface, streams: HashSet::new(), stream: 0 }
    }

    /// Carries until an end closes, or to the stop: then true, and half of its frame has gone.
    async fn carry(&mut self, stop: Option<Stop>) -> bool {
        loop {
            while let Some((length, stops)) = self.next(stop) {
                let part = if stops { length / 2 } else { length };
                let part: Vec<_> = self.held.drain(..part).collect();
                if self.to.write_all(&part).await.is_err() {
                    return false;
                }
                if stops {
                    return true;
                }
            }
            if !matches!(self.from.read_buf(&mut self.held).await, Ok(count) if count > 0) {
                return false;
            }
        }
    }

    /// The length of what comes next, once all of it is there, and whether the way stops in it.
    fn next(&mut self, stop: Option<Stop>) -> Option<(usize, bool)> {
        if self.preface > 0 {
            let length = std::mem::take(&mut self.preface);
            if self.held.len() < length {
                self.preface = length;
                return None;
            }
            return Some((length, stop == Some(Stop::Preface)));
        }
        let head: [u8; 9] = self.held.get(..9)?.try_into().expect("nine bytes");
        let payload =
            usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).expect("a length");
        if self.held.len() < 9 + payload {
            return None;
        }
        let (kind, ends, stream) = (
            head[3],
            head[4] & 1 == 1,
            u32::from_be_bytes([head[5] & 0x7F, head[6], head[7], head[8]]),
        );
        let fresh = kind == HEADERS && self.streams.insert(stream);
        self.stream = stream;
        let calls = self.streams.len();
        let stops = match stop {
            Some(Stop::BeforeHeaders(passing)) if fresh && calls > passing => {
                return Some((0, true));
            }
            Some(Stop::Headers(passing)) => fresh && calls > passing,
            Some(Stop::Data(passing)) => kind == DATA && payload > 0 && calls > passing,
            Some(Stop::Trailers(passing)) => kind == HEADERS && (ends || !fresh) && calls > passing,
            _ => false,
        };
        Some((9 + payload, stops))
    }
}

/// The bytes with which a caller opens an HTTP/2 connection.
const PREFACE: usize = 24;
/// Kinds of frames.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
