//! S5, what a person and the bank correct: one transfer for two invoices, a doubtful line, a match
//! that is taken back, and a credit that the bank takes back.

use super::{
    bank::{issue, read, settled},
    stage::{Stage, TENANT, must_hold, sentence_of, shown},
};
use crate::client::{amount, request_id};
use payterms_proto::invoicing::v1::{
    BankLine, GetBankLineRequest, ImportBankStatementRequest, Invoice, MatchBankLineRequest,
    UnmatchBankLineRequest, bank_line::State, invoice,
};

/// An entry of a statement: day of July, amount, payer, text. A return is below zero.
type Entry<'a> = (u32, i64, &'a str, &'a str);

/// Plays the story.
///
/// # Errors
/// A sentence that says what does not hold.
pub async fn play(stage: &Stage) -> Result<(), String> {
    let (hosting, support) =
        (issue(stage, "Hosting", 300).await?, issue(stage, "Support", 200).await?);
    let both = format!("{} and {}", hosting.payment_reference, support.number);
    let line = only(import(stage, &[(16, 500, "Brightside Ltd", &both)]).await?)?;
    settled(stage, &line.name).await?;
    are(stage, &[&hosting, &support], invoice::State::Paid).await?;
    stage.print_step(
        "Bank",
        &format!(
            "500.00 USD that name {} and {} pay both.",
            hosting.payment_reference, support.number
        ),
    );

    let setup = issue(stage, "Training", 80).await?;
    let doubtful = only(import(stage, &[(17, 250, "Nobody We Know", &setup.number)]).await?)?;
    let reasons: Vec<_> = doubtful
        .suggest_reasons()
        .map(|reason| reason.as_str_name().trim_start_matches("SUGGEST_REASON_"))
        .collect();
    must_hold(
        doubtful.state() == State::Suggested,
        "an unknown payer who pays three times as much is for a person",
    )?;
    stage.print_step(
        "Bank",
        &format!(
            "250.00 USD name {} of {}: SUGGESTED, {}.",
            setup.number,
            shown(setup.total.as_ref()),
            reasons.join(", ")
        ),
    );
    let staff = stage.someone("STAFF")?;
    let wrong = MatchBankLineRequest {
        request_id: request_id(),
        name: doubtful.name.clone(),
        invoices: vec![setup.name.clone()],
        ..MatchBankLineRequest::default()
    };
    staff.bank().match_bank_line(wrong).await.map_err(sentence_of)?;
    let credit = settled(stage, &doubtful.name).await?;
    stage.print_step(
        "Support",
        &format!("matches it: the invoice is PAID, {} become credit.", shown(credit.as_ref())),
    );
    let undo = UnmatchBankLineRequest { request_id: request_id(), name: doubtful.name.clone() };
    let undone = staff
        .bank()
        .unmatch_bank_line(undo)
        .await
        .map_err(sentence_of)?
        .into_inner()
        .bank_line
        .unwrap_or_default();
    must_hold(undone.state() == State::Unmatched, "a match is taken back")?;
    are(stage, &[&setup], invoice::State::Open).await?;
    stage.print_step("Support", "sees that it was another's money and takes the match back: invoice open, credit gone, mail sent.");

    let returned = only(import(stage, &[(18, -500, "Brightside Ltd", &both)]).await?)?;
    must_hold(returned.returned_line == line.name, "the return finds its transfer")?;
    in_state(stage, &line.name, State::Returned).await?;
    are(stage, &[&hosting, &support], invoice::State::Open).await?;
    stage.print_step("Bank", "takes the 500.00 USD back: both invoices are open again, nothing is collected before the third day.");
    Ok(())
}

async fn import(stage: &Stage, entries: &[Entry<'_>]) -> Result<Vec<BankLine>, String> {
    let entry = |(day, amount, payer, text): &Entry<'_>| {
        let side = if *amount < 0 {
            "DBIT</CdtDbtInd><RvslInd>true</RvslInd>"
        } else {
            "CRDT</CdtDbtInd>"
        };
        format!(
            "<Ntry><Amt Ccy=\"USD\">{}.00</Amt><CdtDbtInd>{side}<Sts>BOOK</Sts><BookgDt><Dt>2026-07-{day}</Dt></BookgDt><NtryDtls><TxDtls>\
             <RltdPties><Dbtr><Nm>{payer}</Nm></Dbtr></RltdPties><RmtInf><Ustrd>{text}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>",
            amount.saturating_abs()
        )
    };
    let entries: String = entries.iter().map(entry).collect();
    let account = "<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>";
    let file = format!(
        "<Document><BkToCstmrStmt><Stmt>{account}{entries}</Stmt></BkToCstmrStmt></Document>"
    );
    let request = ImportBankStatementRequest {
        request_id: request_id(),
        parent: format!("tenants/{TENANT}"),
        content: file.into_bytes().into(),
        ..ImportBankStatementRequest::default()
    };
    let imported =
        stage.someone("STAFF")?.bank().import_bank_statement(request).await.map_err(sentence_of)?;
    Ok(imported.into_inner().bank_lines)
}

fn only(lines: Vec<BankLine>) -> Result<BankLine, String> {
    let count = lines.len();
    lines
        .into_iter()
        .next()
        .filter(|_| count == 1)
        .ok_or_else(|| "this does not hold: the entry is one line".to_owned())
}

async fn are(stage: &Stage, invoices: &[&Invoice], state: invoice::State) -> Result<(), String> {
    for invoice in invoices {
        let now = read(stage, invoice).await?;
        let paid =
            if state == invoice::State::Open { amount("USD", 0, 0) } else { invoice.total.clone() };
        must_hold(
            now.state() == state && now.paid == paid,
            &format!("{} is {}", invoice.number, state.as_str_name()),
        )?;
    }
    Ok(())
}

/// Waits until a line is in a state: a return takes its line back within a second or so.
async fn in_state(stage: &Stage, name: &str, state: State) -> Result<(), String> {
    let staff = stage.someone("STAFF")?;
    for _ in 0..150 {
        let get = GetBankLineRequest { name: name.to_owned() };
        let line = staff
            .bank()
            .get_bank_line(get)
            .await
            .map_err(sentence_of)?
            .into_inner()
            .bank_line
            .unwrap_or_default();
        if line.state() == state {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Err(format!("this does not hold: the line becomes {}", state.as_str_name()))
}
