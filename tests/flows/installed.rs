//! The suite as it is installed: two processes of each part, PostgreSQL, a broker that asks for
//! certificates and users, TLS on every line. The five stories are told through it while one
//! process of each part is killed and started again, and the broker too; then the books are
//! verified, and no log names anybody.

use crate::{
    broker::all_is_well,
    rig::{self, BINARY, Services},
};
use payterms_proto::{
    invoicing::v1::{Contact, Customer, ImportBankStatementRequest, UpdateCustomerRequest},
    wallet::v1::GrantCreditRequest,
};
use payterms_suite::{
    Session, Suite,
    client::{amount, request_id},
    demo::{
        self,
        stage::{Stage, TENANT},
    },
};
use payterms_testkit::{
    broker::{Broker, Guarded},
    certificates::{Authority, DOOR, PARTS},
    patient_line::PatientLine,
    reason,
};
use std::process::Command;

/// Calls that are made before a process is killed, while it is away, and while it starts again.
const CALLS: usize = 12;

/// Kills one process of each part, and the broker, and starts them again, while calls go on.
/// Answers what it killed.
async fn kill_one_of_each(
    services: &mut Services,
    guarded: &mut Guarded,
    door: &PatientLine,
) -> Vec<&'static str> {
    let mut killed = Vec::new();
    for (number, part) in PARTS.into_iter().enumerate() {
        door.progress(CALLS).await;
        if number % 2 == 0 {
            services.stop(part);
            door.progress(CALLS).await;
            door.let_through(CALLS);
            services.restart(part, None).await;
        } else {
            services.stop_other(part);
            door.progress(CALLS).await;
            door.let_through(CALLS);
            services.start_other(part).await;
        }
        killed.push(part);
        if number == 1 {
            guarded.broker.kill();
            door.progress(CALLS).await;
            door.let_through(CALLS);
            guarded.broker.start_again().await;
            killed.push("broker");
        }
    }
    door.let_all_through();
    killed
}

/// Runs `payterms` at the first gateway's own door, as an operator does.
async fn operate(
    services: &Services,
    authority: &Authority,
    arguments: &[&str],
) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.crt");
    std::fs::write(&ca, authority.pem()).unwrap();
    let mut command = Command::new(BINARY);
    command
        .args(arguments)
        .arg(format!("--gateway=https://{}", services.at("gateway")))
        .arg(format!("--ca={}", ca.display()));
    command
        .arg(format!("--server-name={DOOR}"))
        .arg(format!("--data={}", services.rig().data().display()));
    let said = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (
        said.status.code(),
        format!(
            "{}{}",
            String::from_utf8_lossy(&said.stdout),
            String::from_utf8_lossy(&said.stderr)
        ),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stories_are_told_while_one_of_each_part_is_killed() {
    let Some(mut guarded) = Broker::guarded(&Authority::new("brokers")).await else { return };
    let Some(rig) = rig::start(true).await else { return };
    let authority = Authority::new("parts");
    let (mut services, door) = Services::installed(rig, &authority, guarded.options()).await;
    let mut stage =
        Stage::new(Suite::of_processes(services.rig().data(), door.at, services.rig().simulator()));
    let mut telling = tokio::spawn(async move {
        let told = Box::pin(demo::stories(&mut stage, demo::USAGE)).await;
        (told, stage)
    });
    let killed = tokio::select! {
        killed = kill_one_of_each(&mut services, &mut guarded, &door) => killed,
        early = &mut telling => panic!("the stories ended before all was killed: {:?}", early.unwrap().0),
    };
    let (item, stage) = telling.await.unwrap();
    let (calls, again) = door.counts();
    eprintln!("{calls} calls, {again} sent again; killed: {killed:?}");
    assert_eq!(item, Ok(()));
    plant(&stage).await;

    all_is_well(services.rig()).await;
    let (code, said) = operate(&services, &authority, &["verify"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said.matches("BROKEN").count(), 0, "{said}");
    let (code, said) = operate(&services, &authority, &["health"]).await;
    assert_eq!(code, Some(0), "{said}");
    nobody_is_named(&services, &guarded);
}

/// What nobody may read in a log, and the stories do not have: planted in calls that are taken and
/// in calls that are refused.
const PLANTED: [&str; 7] = [
    "Quillfeather",
    "quillfeather.example",
    "DE75512108001245126199",
    "Thistlewood",
    "5555555555554444",
    "5555 5555",
    "Rosewater",
];

/// Plants personal data: in a contact, in a bank entry and its free text, in a text that is refused
/// for a card number in it, and in an address that is malformed.
async fn plant(stage: &Stage) {
    let [owner, staff] = ["OWNER", "STAFF"].map(|role| stage.someone(role).unwrap());
    let contact = |email: &str| {
        let contact = Contact {
            name: "Ann Quillfeather".into(),
            email: email.to_owned(),
            receives_documents: true,
        };
        UpdateCustomerRequest {
            request_id: request_id(),
            customer: Some(Customer {
                name: stage.customer.clone(),
                contacts: vec![contact],
                ..Customer::default()
            }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["contacts".into()] }),
            ..Default::default()
        }
    };
    owner.customers().update_customer(contact("ann@quillfeather.example")).await.unwrap();
    owner.customers().update_customer(contact("ann quillfeather.example")).await.unwrap_err();
    let entry = "<Ntry><Amt Ccy=\"USD\">12.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-07-03</Dt></BookgDt><NtryDtls>\
                 <TxDtls><RltdPties><Dbtr><Nm>Zeb Thistlewood</Nm></Dbtr></RltdPties><RmtInf><Ustrd>from Ada Rosewater, 5555 5555 5555 4444\
                 </Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>";
    let account = "<Acct><Id><IBAN>DE75512108001245126199</IBAN></Id></Acct>";
    // The whole of it, and cut off within the entry.
    for end in [entry.len(), entry.len() / 2] {
        let file = format!(
            "<Document><BkToCstmrStmt><Stmt>{account}{}</Stmt></BkToCstmrStmt></Document>",
            &entry[..end]
        );
        let import = ImportBankStatementRequest {
            request_id: request_id(),
            parent: format!("tenants/{TENANT}"),
            content: file.into_bytes().into(),
            ..ImportBankStatementRequest::default()
        };
        let imported = staff.bank().import_bank_statement(import).await;
        assert_eq!(imported.is_ok(), end == entry.len());
    }
    let grant = GrantCreditRequest {
        request_id: request_id(),
        wallet: stage.wallet.clone(),
        amount: amount("USD", 1, 0),
        description: "for Ann Quillfeather, card 5555 5555 5555 4444".into(),
        ..GrantCreditRequest::default()
    };
    let refused = staff.lots().grant_credit(grant.clone()).await.unwrap_err();
    assert_eq!(refused.message().matches("5555").count(), 0, "{refused:?}");
    assert!(!reason(&refused).is_empty(), "{refused:?}");
    let stranger =
        Session::new(stage.suite.gateway, "eyJhbGciOiJFZERTQSJ9.Rosewater.Quillfeather").unwrap();
    stranger.lots().grant_credit(grant).await.unwrap_err();
}

/// What the stories say of people and their accounts: each cell of the customers' file that is no
/// word of the trade, and what is in the bank's files and behind the test banks.
fn of_the_stories() -> Vec<String> {
    let mut personal: Vec<String> = [
        "Brightside",
        "Finsbury",
        "Outback",
        "Stuart Highway",
        "Juniper",
        "Pier Street",
        "Larch Bakery",
    ]
    .into_iter()
    .chain([
        "Hudson Grocers",
        "Queens Market",
        "Müller",
        "DE89370400440532013000",
        "Globex",
        "tok_",
        "bank_steady",
        "4242",
        "eyJ",
        "Bearer",
    ])
    .map(str::to_owned)
    .collect();
    for line in demo::CUSTOMERS.lines().skip(1) {
        let cells: Vec<_> = line.split(',').collect();
        // Name, address for mails, tax number, street.
        personal.extend(
            [1, 2, 3, 6]
                .into_iter()
                .filter_map(|cell| cells.get(cell))
                .filter(|cell| cell.len() > 5)
                .map(|cell| (*cell).to_owned()),
        );
    }
    personal
}

/// Whether a line has a word. The last digits of a card are not those of an instant or an id.
fn has(line: &str, word: &str) -> bool {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let ends = |next: Option<char>| {
        next.is_none_or(|next| !next.is_ascii_alphanumeric() && !"-.".contains(next))
    };
    line.match_indices(word).any(|(at, _)| {
        !is_number
            || ends(line.get(..at).and_then(|before| before.chars().next_back()))
                && ends(line.get(at + word.len()..).and_then(|after| after.chars().next()))
    })
}

/// No log of a process has anything of a person, an account or a card.
fn nobody_is_named(services: &Services, guarded: &Guarded) {
    let of_parts = PARTS.into_iter().flat_map(|part| [part.to_owned(), format!("{part}-2")]);
    let logs = of_parts.map(|process| (services.logged(&process), process));
    let personal = of_the_stories();
    for (log, process) in logs.chain([(guarded.broker.log(), "broker".to_owned())]) {
        assert!(log.lines().count() > 1, "{process} logs");
        for word in personal.iter().map(String::as_str).chain(PLANTED) {
            let line = log.lines().find(|line| has(line, word));
            assert_eq!(line, None, "{process} logs {word}");
        }
        let address =
            log.split_whitespace().find(|word| word.contains('@') && word.contains(".example"));
        assert_eq!(address, None, "{process} logs an address");
    }
}
