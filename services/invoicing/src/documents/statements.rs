//! What a statement shows on paper: what was invoiced, what is past due, what was given back, and
//! where transfers go.

use super::{
    paper::{Section, Sheet, Slip},
    sheets::sheet,
    wording::Language,
};
use chrono::Months;
use payterms_chassis::AppError;
use payterms_invoicing_domain::{
    Invoice, Party, Statement,
    statement::{GivenBack, OpenInvoice, TakenBack},
};
use payterms_kernel::{Id, Money, money::MoneyError};

/// A statement with its lists.
#[derive(Debug)]
pub struct StatementPage {
    /// The statement.
    pub statement: Statement,
    /// What was invoiced in its month.
    pub invoices: Vec<Invoice>,
    /// How much of each: of a purchase of credit what came of it in the month.
    pub billed: Vec<(Id<Invoice>, Money)>,
    /// What is past due on the day after it.
    pub past_due: Vec<OpenInvoice>,
    /// What is disputed on that day, or waits for a dispute, past due or not: nothing follows from
    /// it.
    pub disputed: Vec<OpenInvoice>,
    /// What an active payment plan pays on that day, no instalment being late, past due or not: its
    /// instalments have mails of their own.
    pub in_plans: Vec<OpenInvoice>,
    /// What falls due later and is collected by itself then.
    pub collected: Vec<OpenInvoice>,
    /// What was given back in it.
    pub given_back: Vec<GivenBack>,
    /// What was taken back in it, or is there again.
    pub taken_back: Vec<TakenBack>,
    /// Who draws it up.
    pub seller: Party,
    /// Whom it is for.
    pub buyer: Party,
}

impl StatementPage {
    /// Whether anything is to be paid by a transfer beside what is disputed, what plans pay and
    /// what is collected.
    ///
    /// # Errors
    /// None that stored amounts can cause.
    fn is_to_be_paid(&self) -> Result<bool, MoneyError> {
        let apart = self.disputed.iter().chain(&self.in_plans).chain(&self.collected);
        let apart = apart
            .map(|open_invoice| open_invoice.open)
            .try_fold(Money::zero(self.statement.currency()), Money::plus)?;
        Ok(self.statement.closing.minus(apart)?.is_positive())
    }

    /// How much was invoiced by one of its invoices.
    #[must_use]
    pub fn billed_by(&self, invoice: &Invoice) -> Option<Money> {
        self.billed.iter().find(|(id, _)| *id == invoice.id).map(|(_, amount)| *amount)
    }
}

/// A statement.
///
/// # Errors
/// None that stored amounts can cause.
pub fn statement(language: Language, page: &StatementPage) -> Result<Sheet, AppError> {
    let statement = &page.statement;
    let title = format!(
        "{} {}",
        language.say("Statement for", "Relevé"),
        language.of_month(statement.month)
    );
    let mut sheet = sheet(language, title, &page.seller, &page.buyer, "");
    sheet.heads = heads(
        language,
        [("Invoice", "Facture"), ("Issued", "Émise le"), ("Due", "Échéance"), ("Total", "Total")],
    );
    for invoice in &page.invoices {
        let Some(issue) = &invoice.issue else { continue };
        let due = if invoice.is_over_nothing() {
            String::new()
        } else {
            language.short_date(issue.due_date)
        };
        let issued = language.short_date(issue.issue_date);
        let amount = page.billed_by(invoice).unwrap_or(invoice.amounts.total);
        sheet.rows.push([issue.number.clone(), issued, due, language.money(amount)]);
    }
    let paid = statement.moved.paid.plus(statement.moved.given_back)?;
    let sums = [
        (language.say("Owed before", "Solde précédent"), statement.opening),
        (language.say("Invoiced", "Facturé"), statement.moved.issued),
        (language.say("Credited", "Avoirs"), statement.moved.credited.negated()),
        (language.say("Written off", "Passé en perte"), statement.moved.written_off.negated()),
        (language.say("Paid", "Payé"), paid.negated()),
        (language.say("Given back", "Remboursé"), statement.moved.given_back),
        (language.say("Owed now", "Solde"), statement.closing),
    ];
    let always = |place: usize| place == 0 || place == sums.len().saturating_sub(1);
    let shown =
        sums.iter().enumerate().filter(|(place, (_, amount))| always(*place) || !amount.is_zero());
    sheet.sums =
        shown.map(|(_, (label, amount))| ((*label).to_owned(), language.money(*amount))).collect();
    sheet.sections.extend(past_due(language, page));
    sheet.sections.extend(disputed(language, page));
    sheet.sections.extend(in_plans(language, page));
    sheet.sections.extend(collected(language, page));
    sheet.sections.extend(given_back(language, page));
    sheet.sections.extend(taken_back(language, page));
    sheet.slip = slip(language, page)?;
    Ok(sheet)
}

fn heads(language: Language, heads: [(&'static str, &'static str); 4]) -> [String; 4] {
    heads.map(|(english, french)| language.say(english, french).to_owned())
}

fn past_due(language: Language, page: &StatementPage) -> Option<Section> {
    let day =
        page.statement.month.checked_add_months(Months::new(1)).unwrap_or(page.statement.month);
    let row = |open_invoice: &OpenInvoice| {
        [
            open_invoice.number.clone(),
            language.short_date(open_invoice.due),
            open_invoice.days.to_string(),
            language.money(open_invoice.open),
        ]
    };
    (!page.past_due.is_empty()).then(|| Section {
        title: format!("{} {}", language.say("Past due on", "En retard au"), language.date(day)),
        heads: heads(
            language,
            [
                ("Invoice", "Facture"),
                ("Due", "Échéance"),
                ("Days past due", "Jours de retard"),
                ("Open", "Reste dû"),
            ],
        ),
        rows: page.past_due.iter().map(row).collect(),
    })
}

fn disputed(language: Language, page: &StatementPage) -> Option<Section> {
    let title = language.say(
        "Held until a dispute is decided: nothing of it is collected, reminded or late",
        "En attente de la décision sur une contestation : rien n’en est prélevé, relancé ni en retard",
    );
    open_apart(language, title, &page.disputed)
}

fn in_plans(language: Language, page: &StatementPage) -> Option<Section> {
    let title = language.say(
        "In a payment plan: paid by its instalments, and not late while they are paid",
        "Dans un échéancier : réglé par ses échéances, sans retard tant qu’elles sont payées",
    );
    open_apart(language, title, &page.in_plans)
}

fn collected(language: Language, page: &StatementPage) -> Option<Section> {
    let title = language.say(
        "Collected from your saved payment method when it falls due: please transfer nothing for it",
        "Prélevé à l’échéance sur votre moyen de paiement enregistré : merci de ne rien virer pour cela",
    );
    open_apart(language, title, &page.collected)
}

/// What is open, and not listed as past due.
fn open_apart(language: Language, title: &str, open_invoices: &[OpenInvoice]) -> Option<Section> {
    let row = |open_invoice: &OpenInvoice| {
        [
            open_invoice.number.clone(),
            String::new(),
            language.short_date(open_invoice.due),
            language.money(open_invoice.open),
        ]
    };
    (!open_invoices.is_empty()).then(|| Section {
        title: title.to_owned(),
        heads: heads(
            language,
            [("Invoice", "Facture"), ("", ""), ("Due", "Échéance"), ("Open", "Reste dû")],
        ),
        rows: open_invoices.iter().map(row).collect(),
    })
}

fn given_back(language: Language, page: &StatementPage) -> Option<Section> {
    let row = |given_back: &GivenBack| {
        [
            language.given_back(given_back),
            given_back.invoice.clone(),
            language.short_date(given_back.on),
            language.money(given_back.amount),
        ]
    };
    (!page.given_back.is_empty()).then(|| Section {
        title: language.say("Given back", "Remboursé").to_owned(),
        heads: heads(
            language,
            [("Credit note", "Avoir"), ("Invoice", "Facture"), ("On", "Le"), ("Amount", "Montant")],
        ),
        rows: page.given_back.iter().map(row).collect(),
    })
}

fn taken_back(language: Language, page: &StatementPage) -> Option<Section> {
    let row = |taken_back: &TakenBack| {
        [
            language.taken_for(taken_back.why).to_owned(),
            taken_back.invoices.clone(),
            language.short_date(taken_back.on),
            language.money(taken_back.amount),
        ]
    };
    (!page.taken_back.is_empty()).then(|| Section {
        title: language.say("Taken back", "Repris").to_owned(),
        heads: heads(
            language,
            [("What", "Objet"), ("Invoice", "Facture"), ("On", "Le"), ("Amount", "Montant")],
        ),
        rows: page.taken_back.iter().map(row).collect(),
    })
}

fn slip(language: Language, page: &StatementPage) -> Result<Option<Slip>, MoneyError> {
    let details = &page.seller.bank_details;
    if details.is_empty() || !page.is_to_be_paid()? {
        return Ok(None);
    }
    let sentence = language.say(
        "Please write the number of each invoice that you pay on the transfer.",
        "Merci d’indiquer sur le virement le numéro de chaque facture réglée.",
    );
    let title = language.say("By bank transfer", "Par virement bancaire").to_owned();
    Ok(Some(Slip { title, lines: vec![details.clone(), sentence.to_owned()], code: None }))
}
