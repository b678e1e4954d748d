//! A booking that several files hold is one line: by its day, its reference, or a person's word.

use crate::{
    bank::{import, paid},
    bank_decisions::match_to,
    bank_files::{Entry, PLAIN, counts, list, statement},
    invariants,
    invoices::read,
    payments::till,
};
use payterms_proto::invoicing::v1::{
    ConfirmBankLineRequest, DismissBankLineRequest,
    bank_line::{DismissReason, State},
};
use payterms_suite::client::{amount, request_id};
use payterms_testkit::{World, on_both, reason};

on_both!(
    files_that_overlap_add_what_is_new,
    what_may_be_a_duplicate_waits_for_a_person,
    a_batch_in_another_format_is_the_same_booking,
);

async fn files_that_overlap_add_what_is_new(world: &World) {
    let till = till(world, 0).await;
    let on = |day, amount| Entry { day, amount, payer: "Brightside", ..PLAIN };
    let (first, second) = (
        [on("2026-02-01", "5.00"), on("2026-02-02", "5.00")],
        [on("2026-02-02", "5.00"), on("2026-02-03", "5.00")],
    );
    let answer =
        import(&till.owner, statement(Some(("2026-02-01", "2026-02-02")), &first)).await.unwrap();
    assert_eq!(counts(&answer), (2, 0, 0));
    let answer =
        import(&till.owner, statement(Some(("2026-02-02", "2026-02-03")), &second)).await.unwrap();
    assert_eq!(
        (counts(&answer), answer.bank_lines[0].book_date.unwrap().day),
        ((1, 1, 0), 3),
        "the day that both hold is known"
    );
    let known = list(&till, State::Unmatched)
        .await
        .into_iter()
        .find(|line| line.book_date.unwrap().day == 2)
        .unwrap();
    assert_eq!(
        (answer.duplicates[0].place.as_str(), &answer.duplicates[0].bank_line),
        ("statement 1, entry 1", &known.name)
    );
    // The larger count holds, and what the bank writes otherwise the second time is still the same.
    let more =
        [on("2026-02-02", "5.00"), Entry { payer: "BRIGHTSIDE LTD", ..on("2026-02-02", "5.00") }];
    let answer =
        import(&till.owner, statement(Some(("2026-02-02", "2026-02-02")), &more)).await.unwrap();
    assert_eq!(counts(&answer), (1, 1, 0));
    assert_eq!(list(&till, State::Unmatched).await.len(), 4);
    // Two files of one account at once are one after the other.
    let next = statement(
        Some(("2026-02-05", "2026-02-05")),
        &[on("2026-02-05", "6.00"), on("2026-02-05", "6.00")],
    );
    let (one, two) = tokio::join!(import(&till.owner, next.clone()), import(&till.owner, next));
    let mut both = [counts(&one.unwrap()), counts(&two.unwrap())];
    both.sort_unstable();
    assert_eq!(both, [(0, 2, 0), (2, 0, 0)]);
}

pub(crate) async fn what_may_be_a_duplicate_waits_for_a_person(world: &World) {
    let till = till(world, 0).await;
    let paying = |amount, text| Entry { amount, text, payer: "Brightside", ..PLAIN };
    let number = till.invoice.number.clone();
    let first = import(&till.owner, statement(None, &[paying("40.00", &number)]))
        .await
        .unwrap()
        .bank_lines
        .remove(0);
    paid(&till.owner, &first.name).await;
    // A part of the day without references: it may be the same payment, or the next one.
    let answer =
        import(&till.owner, statement(None, &[paying("40.00", &number), paying("1.00", "x")]))
            .await
            .unwrap();
    let suspected = answer.bank_lines[0].clone();
    assert_eq!(
        (suspected.state(), &suspected.duplicate_of, &suspected.invoice),
        (State::SuspectedDuplicate, &first.name, &String::new())
    );
    assert_eq!(
        read(&till.owner, &till.invoice.name).await.unwrap().paid,
        amount("USD", 40, 0),
        "it pays nothing"
    );
    assert_eq!(list(&till, State::SuspectedDuplicate).await.len(), 1);
    let refused = match_to(&till.owner, &suspected.name, &[&till.invoice.name]).await.unwrap_err();
    assert_eq!(reason(&refused), "BANK_LINE_STATE");
    assert!(refused.message().contains("ConfirmBankLine"), "{}", refused.message());
    let confirm = |name: &str| ConfirmBankLineRequest {
        request_id: request_id(),
        name: name.into(),
        ..Default::default()
    };
    let staff = world.someone("STAFF", None);
    let confirmed = staff
        .bank()
        .confirm_bank_line(confirm(&suspected.name))
        .await
        .unwrap()
        .into_inner()
        .bank_line
        .unwrap();
    assert_eq!(
        (confirmed.state(), &confirmed.invoice),
        (State::Matched, &till.invoice.name),
        "it pays like any other then"
    );
    paid(&till.owner, &suspected.name).await;
    assert_eq!(read(&till.owner, &till.invoice.name).await.unwrap().paid, amount("USD", 80, 0));
    let refused = staff.bank().confirm_bank_line(confirm(&suspected.name)).await.unwrap_err();
    assert_eq!(reason(&refused), "BANK_LINE_STATE");
    let third = import(&till.owner, statement(None, &[paying("1.00", "x")]))
        .await
        .unwrap()
        .bank_lines
        .remove(0);
    let dismiss = DismissBankLineRequest {
        request_id: request_id(),
        name: third.name.clone(),
        reason: DismissReason::Duplicate.into(),
        explanation: String::new(),
        ..Default::default()
    };
    let dismissed =
        staff.bank().dismiss_bank_line(dismiss).await.unwrap().into_inner().bank_line.unwrap();
    assert_eq!((dismissed.state(), dismissed.duplicate_of), (State::Dismissed, String::new()));
    // References that both files give once decide without a person.
    let referred = |reference| Entry { amount: "70.00", reference, payer: "Brightside", ..PLAIN };
    for (reference, expected) in
        [("REF-1", (1, 0, 0)), ("REF-2", (1, 0, 0)), ("REF-1", (0, 1, 0)), ("ref 2", (0, 1, 0))]
    {
        let unlike = request_id();
        let other = Entry { amount: "0.01", day: "2026-02-03", reference: &unlike, ..PLAIN };
        let answer =
            import(&till.owner, statement(None, &[referred(reference), other])).await.unwrap();
        let of_seventy =
            answer.bank_lines.iter().filter(|line| line.amount == amount("USD", 70, 0));
        let (new, known) = (of_seventy.clone().count(), answer.duplicate_count);
        assert_eq!((new, known, answer.ignored_count), expected, "{reference}: {answer:?}");
        assert!(of_seventy.clone().all(|line| line.state() == State::Unmatched), "{answer:?}");
    }
    invariants::hold(world).await;
    invariants::books_agree(world).await;
}

async fn a_batch_in_another_format_is_the_same_booking(world: &World) {
    let till = till(world, 0).await;
    let part = |amount: &str, payer: &str| {
        format!(
            "<TxDtls><Amt Ccy=\"EUR\">{amount}</Amt><RltdPties><Dbtr><Nm>{payer}</Nm></Dbtr></RltdPties></TxDtls>"
        )
    };
    let details =
        format!("<NtryDtls>{}{}</NtryDtls>", part("30.00", "Alpha"), part("20.00", "Beta"));
    let camt = format!(
        "<Document><BkToCstmrStmt><Stmt><Id>C</Id><FrToDt><FrDtTm>2026-02-02T00:00:00</FrDtTm><ToDtTm>2026-02-02T23:59:59</ToDtTm></FrToDt>\
         <Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct><Ntry><Amt Ccy=\"EUR\">50.00</Amt><CdtDbtInd>CRDT</CdtDbtInd>\
         <Sts>BOOK</Sts><BookgDt><Dt>2026-02-02</Dt></BookgDt>{details}</Ntry></Stmt></BkToCstmrStmt></Document>"
    );
    let first = import(&till.owner, camt.into_bytes()).await.unwrap();
    let payers: Vec<_> =
        first.bank_lines.iter().map(|line| (line.payer.as_str(), line.amount.clone())).collect();
    assert_eq!(payers, [("Alpha", amount("EUR", 30, 0)), ("Beta", amount("EUR", 20, 0))]);
    let mt940 = ":20:STMT\r\n:25:37040044/0532013000\r\n:28C:1/1\r\n:60F:C260202EUR0,00\r\n:61:2602020202C50,00NTRFNONREF\r\n\
                 :86:COLLECTIVE\r\n:62F:C260202EUR50,00\r\n-\r\n";
    let again = import(&till.owner, mt940.as_bytes().to_vec()).await.unwrap();
    assert_eq!((counts(&again), again.format.as_str()), ((0, 1, 0), "MT940"), "{again:?}");
    assert_eq!(again.duplicates[0].bank_line, first.bank_lines[0].name);
}
