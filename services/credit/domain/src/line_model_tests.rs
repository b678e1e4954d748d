//! A line against a simple model, over random stories.

use crate::{
    Draw, DrawState, Line, LineState, Suspension,
    draw::{Entry, Figures},
    line_tests::{active, programme, usd},
    purchase_tests::{buyer, item, request, rules},
};
use chrono::{DateTime, Days, NaiveDate, Utc};
use payterms_kernel::{Actor, Id, IdSource, Money};
use proptest::{prelude::*, test_runner::TestCaseError};
use rust_decimal::Decimal;
use uuid::Uuid;

#[derive(Debug, Clone)]
enum Move {
    Draw(Vec<i64>),
    Buy(i64, i64),
    Capture(usize, i64),
    Void(usize),
    Pays(usize, i64, bool, bool),
    Limit(i64),
    Suspend,
    Restore,
    NextDay(u64),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        3 => prop::collection::vec(1_i64..400, 1..4).prop_map(Move::Draw),
        2 => (1_i64..200, 1_i64..4).prop_map(|(price, quantity)| Move::Buy(price, quantity)),
        3 => (0_usize..20, 1_i64..4).prop_map(|(at, quantity)| Move::Capture(at, quantity)),
        1 => (0_usize..20).prop_map(Move::Void),
        4 => (0_usize..20, -50_i64..450, any::<bool>(), prop::bool::weighted(0.1)).prop_map(|(at, open, blocked, off)| Move::Pays(at, open, blocked, off)),
        1 => (1_i64..6_000).prop_map(Move::Limit),
        1 => Just(Move::Suspend),
        1 => Just(Move::Restore),
        2 => (1_u64..40).prop_map(Move::NextDay),
    ];
    prop::collection::vec(one, 1..60)
}

/// What a draw is in the model: reserved, owed so much, or gone.
#[derive(Debug, Clone, Copy)]
struct Expected {
    amount: i64,
    owed: Option<i64>,
    gone: bool,
}

impl Expected {
    fn of(amount: i64) -> Self {
        Self { amount, owed: None, gone: false }
    }
}

/// A line, and what the model says of it.
struct Story {
    line: Line,
    ids: IdSource,
    draws: Vec<Draw>,
    expected: Vec<Expected>,
    entries: Vec<Entry>,
    by_tenant: bool,
    now: DateTime<Utc>,
}

impl Story {
    fn begun(now: DateTime<Utc>) -> Self {
        let (line, ids) = (active(now), IdSource::new(now, b"seed", "model"));
        Self {
            line,
            ids,
            draws: Vec::new(),
            expected: Vec::new(),
            entries: Vec::new(),
            by_tenant: false,
            now,
        }
    }

    fn exposure(&self) -> i64 {
        self.expected
            .iter()
            .filter(|draw| !draw.gone)
            .map(|draw| draw.owed.unwrap_or(draw.amount))
            .sum()
    }

    fn room(&self) -> i64 {
        self.line.limit.micros() / 10_000 - self.exposure()
    }

    fn go(&mut self, turn: usize, step: Move) -> Result<(), TestCaseError> {
        match step {
            Move::Draw(amounts) => self.draw(turn, &amounts)?,
            Move::Buy(price, quantity) => self.buy(price, quantity)?,
            Move::Capture(at, quantity) => self.capture(at, quantity)?,
            Move::Void(at) => {
                if let (Some(draw), Some(expected)) =
                    (self.draws.get_mut(at), self.expected.get_mut(at))
                {
                    let entry = self.line.void(draw, self.now).unwrap();
                    expected.gone |= entry.is_some();
                    self.entries.extend(entry);
                }
            }
            Move::Pays(at, open, blocked, written_off) => {
                self.pays(at, open, blocked, written_off)?;
            }
            Move::Limit(limit) => {
                let outcome = self.line.change_limit(
                    &programme(),
                    usd(limit),
                    vec!["Less.".into()],
                    Actor::suite(),
                    self.now,
                );
                prop_assert_eq!(outcome.is_ok(), limit <= 5_000);
            }
            Move::Suspend => {
                self.by_tenant |= self.line.suspend(Actor::suite(), "", self.now).is_ok();
            }
            Move::Restore => {
                self.by_tenant &= self.line.restore(Actor::suite(), "", self.now).is_err();
            }
            Move::NextDay(days) => {
                self.now = self.now + Days::new(days);
                for (draw, expected) in self.draws.iter_mut().zip(&mut self.expected) {
                    let entry = self.line.expire(draw, self.now).unwrap();
                    expected.gone |= entry.is_some();
                    self.entries.extend(entry);
                }
            }
        }
        Ok(())
    }

    fn draw(&mut self, turn: usize, amounts: &[i64]) -> Result<(), TestCaseError> {
        let fits =
            amounts.iter().sum::<i64>() <= self.room() && self.line.state == LineState::Active;
        let invoice = |index: usize| Id::from_uuid(Uuid::from_u128((turn * 10 + index) as u128));
        let wanted: Vec<_> = amounts
            .iter()
            .enumerate()
            .map(|(index, amount)| (invoice(index), usd(*amount)))
            .collect();
        let before = self.line.clone();
        let drawn = self.line.authorize(
            &mut self.ids,
            Uuid::from_u128(turn as u128),
            &wanted,
            usd(5_000),
            None,
            self.now,
        );
        prop_assert_eq!(drawn.is_ok(), fits);
        if let Ok((draws, entries)) = drawn {
            self.draws.extend(draws);
            self.entries.extend(entries);
            self.expected.extend(amounts.iter().copied().map(Expected::of));
            prop_assert!(self.line.exposure().unwrap().micros() <= self.line.limit.micros());
        } else {
            prop_assert_eq!(&self.line, &before, "a refusal changes nothing");
        }
        Ok(())
    }

    fn buy(&mut self, price: i64, quantity: i64) -> Result<(), TestCaseError> {
        let fits = price * quantity <= self.room() && self.line.state == LineState::Active;
        let request = request(vec![item(price, &quantity.to_string())]);
        let bought = self.line.purchase(
            &mut self.ids,
            &request,
            (&buyer(), &rules()),
            (usd(5_000), None),
            self.now,
        );
        prop_assert_eq!(bought.is_ok(), fits);
        if let Ok((draw, entry)) = bought {
            self.draws.push(draw);
            self.entries.push(entry);
            self.expected.push(Expected::of(price * quantity));
        }
        Ok(())
    }

    fn capture(&mut self, at: usize, quantity: i64) -> Result<(), TestCaseError> {
        let (Some(draw), Some(expected)) = (self.draws.get_mut(at), self.expected.get_mut(at))
        else {
            return Ok(());
        };
        let (today, is_open) = (self.now.date_naive(), expected.owed.is_none() && !expected.gone);
        let Some(sold) = draw.purchase.as_ref().map(|purchase| purchase.lines[0].clone()) else {
            let entry = self.line.capture(draw, today, self.now).unwrap();
            prop_assert_eq!(entry.is_some(), is_open);
            if is_open {
                expected.owed = Some(expected.amount);
            }
            self.entries.extend(entry);
            return Ok(());
        };
        let part = [(0, Some(Decimal::from(quantity)))];
        let mut copy = draw.clone();
        let captured =
            self.line.capture_purchase(&mut copy, &mut self.ids, &part, false, today, self.now);
        prop_assert_eq!(captured.is_ok(), is_open && Decimal::from(quantity) <= sold.item.quantity);
        if let Ok(entry) = captured {
            *draw = copy;
            expected.amount = quantity * sold.item.unit_price.micros() / 10_000;
            expected.owed = Some(expected.amount);
            self.entries.push(entry);
        }
        Ok(())
    }

    fn pays(
        &mut self,
        at: usize,
        open: i64,
        blocked: bool,
        written_off: bool,
    ) -> Result<(), TestCaseError> {
        let (Some(draw), Some(expected)) = (self.draws.get_mut(at), self.expected.get_mut(at))
        else {
            return Ok(());
        };
        let due_on = draw.due_on.unwrap_or(self.now.date_naive());
        let figures = Figures {
            open: usd(open.max(0)),
            due_on,
            blocked,
            written_off,
            no_consequence_before: None,
        };
        let (_, entry) = self.line.follow(draw, figures, self.now).unwrap();
        if expected.owed.is_some() {
            expected.owed = Some(expected.amount.min(open.max(0)));
        }
        self.entries.extend(entry);
        prop_assert_eq!(
            self.line.follow(draw, figures, self.now).unwrap(),
            (false, None),
            "heard twice, once applied"
        );
        Ok(())
    }

    /// Lets the day judge the line, and compares it with the model.
    fn agrees(&mut self) -> Result<(), TestCaseError> {
        let due = |blocked: bool| {
            let owed = self.draws.iter().filter(move |draw| {
                draw.state == DrawState::Captured && (blocked || !draw.blocked)
            });
            owed.filter_map(|draw| draw.falls_due().unwrap()).min()
        };
        (self.line.next_due, self.line.first_due) = (due(false), due(true));
        let was_late = self.line.suspensions.contains(&Suspension::PastDue);
        self.line.evaluate(self.now.date_naive(), self.now);
        prop_assert_eq!(self.line.exposure().unwrap(), usd(self.exposure()));
        let sum = |pick: fn(&Entry) -> Money| {
            self.entries.iter().map(pick).fold(usd(0), |sum, amount| sum.plus(amount).unwrap())
        };
        prop_assert_eq!(sum(|entry| entry.authorized), self.line.authorized);
        prop_assert_eq!(sum(|entry| entry.captured), self.line.captured);
        prop_assert_eq!(sum(|entry| entry.repaid), self.line.repaid);
        let before = |due: Option<NaiveDate>| due.is_some_and(|due| due < self.now.date_naive());
        let late = before(self.line.next_due) || (was_late && before(self.line.first_due));
        let is_suspended = self.line.state == LineState::Suspended;
        prop_assert_eq!(
            is_suspended,
            late || self.by_tenant,
            "suspended while something is late, or the tenant says so"
        );
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn exposure_is_what_a_simple_model_says(moves in moves()) {
        let mut story = Story::begun("2026-01-01T00:00:00Z".parse().unwrap());
        for (turn, step) in moves.into_iter().enumerate() {
            story.go(turn, step)?;
            story.agrees()?;
        }
    }
}
