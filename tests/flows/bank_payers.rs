//! What a file says of the payer: whose account it is, and what they pay of each invoice.

use crate::{
    bank::{another, import, paid},
    bank_decisions::match_to,
    invariants,
    invoices::read,
    payments::{Till, till},
};
use payterms_proto::invoicing::v1::bank_line::{State, SuggestReason};
use payterms_suite::client::amount;
use payterms_testkit::{World, on_both};

on_both!(a_payer_who_pays_for_others_waits_for_a_person, amounts_that_the_payer_states_win);

/// A credit with the payer's account, and what they state for documents.
fn from_account(value: &str, account: &str, remittance: &str, reference: &str) -> Vec<u8> {
    format!(
        "<Document><BkToCstmrStmt><Stmt><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct><Ntry><Amt Ccy=\"USD\">{value}</Amt>\
         <CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-02-02</Dt></BookgDt><AcctSvcrRef>{reference}</AcctSvcrRef>\
         <NtryDtls><TxDtls><RltdPties><DbtrAcct><Id><IBAN>{account}</IBAN></Id></DbtrAcct></RltdPties><RmtInf>{remittance}</RmtInf>\
         </TxDtls></NtryDtls></Ntry></Stmt></BkToCstmrStmt></Document>"
    )
    .into_bytes()
}

async fn a_payer_who_pays_for_others_waits_for_a_person(world: &World) {
    let till = till(world, 0).await;
    let named = |number: &str| format!("<Ustrd>{number}</Ustrd>");
    let account = "GB33BUKB20201555555555";
    let first =
        import(&till.owner, from_account("100.00", account, &named(&till.invoice.number), "P1"))
            .await
            .unwrap();
    paid(&till.owner, &first.bank_lines[0].name).await;
    let other = world.customer("acme", "GB").await;
    world.wallet(&other, "USD").await;
    let theirs = Till { customer: other, ..again(&till) };
    let invoice = another(&theirs, 50).await;
    let answer = import(&till.owner, from_account("50.00", account, &named(&invoice.number), "P2"))
        .await
        .unwrap();
    let line = &answer.bank_lines[0];
    assert_eq!(
        (line.state(), &line.candidates),
        (State::Suggested, &vec![invoice.name.clone()]),
        "{line:?}"
    );
    assert_eq!(line.suggest_reasons, [i32::from(SuggestReason::OtherPayer)]);
    match_to(&till.owner, &line.name, &[&invoice.name]).await.unwrap();
    paid(&till.owner, &line.name).await;
    // A person said that the account pays for both.
    let next = another(&theirs, 20).await;
    let answer = import(&till.owner, from_account("20.00", account, &named(&next.number), "P3"))
        .await
        .unwrap();
    assert_eq!(answer.bank_lines[0].state(), State::Matched);
    paid(&till.owner, &answer.bank_lines[0].name).await;
    invariants::hold(world).await;
}

fn again(till: &Till) -> Till {
    Till {
        customer: till.customer.clone(),
        wallet: till.wallet.clone(),
        invoice: till.invoice.clone(),
        admin: till.admin.clone(),
        owner: till.owner.clone(),
    }
}

async fn amounts_that_the_payer_states_win(world: &World) {
    let till = till(world, 0).await;
    let second = another(&till, 100).await;
    let stated = |number: &str, value: &str| {
        format!(
            "<Strd><RfrdDocInf><Nb>{number}</Nb></RfrdDocInf><RfrdDocAmt><RmtdAmt Ccy=\"USD\">{value}</RmtdAmt></RfrdDocAmt></Strd>"
        )
    };
    let both = |one: &str, two: &str| {
        [stated(&till.invoice.number, one), stated(&second.number, two)].concat()
    };
    let answer = import(
        &till.owner,
        from_account("100.00", "GB33BUKB20201555555555", &both("30.00", "70.00"), "S1"),
    )
    .await
    .unwrap();
    assert_eq!(answer.bank_lines[0].state(), State::Matched, "{answer:?}");
    paid(&till.owner, &answer.bank_lines[0].name).await;
    for (invoice, open) in [(&till.invoice, 70), (&second, 30)] {
        assert_eq!(
            read(&till.owner, &invoice.name).await.unwrap().open,
            amount("USD", open, 0),
            "not the oldest first"
        );
    }
    let answer = import(
        &till.owner,
        from_account("100.00", "GB33BUKB20201555555555", &both("30.00", "70.00"), "S2"),
    )
    .await
    .unwrap();
    assert_eq!(
        answer.bank_lines[0].suggest_reasons,
        [i32::from(SuggestReason::StatedAmount)],
        "more than it can take: {answer:?}"
    );
}
