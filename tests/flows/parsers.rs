//! Every parser that something from outside reaches, with hostile inputs: none overflows the stack,
//! fills the memory or panics, and what a template or a file is refused for says so.

use crate::fuzz::{Mutator, feed};
use payterms_chassis::{Scope, bank_file::Reading as BankReading, call::Caller, call::Grant};
use payterms_credit::{
    bank_files::read_bank_file,
    commands::bank_files::{CsvMapping, DateOrder, Reading},
};
use payterms_invoicing::{
    bank_files::read_bank_file as read_bank_lines,
    documents::{epc, paper, wording::Language},
    messages::customer_import,
    templates,
};
use payterms_invoicing_domain::MailKind;
use payterms_kernel::{Currency, Kind, Money, Reason, TenantId};
use payterms_proto::invoicing::v1::{ImportCustomersRequest, PreviewMailTemplateRequest};
use payterms_testkit::{World, on_both, reason};
use tonic::Request;

/// The day on which the files are read.
const TODAY: chrono::NaiveDate = chrono::NaiveDate::from_ymd_opt(2026, 7, 15).unwrap();

on_both!(a_hostile_template_is_refused_and_the_service_goes_on);

pub(crate) fn scope() -> Scope {
    let caller = Caller {
        subject: "ann".into(),
        roles: vec!["ADMIN".into()],
        tenant: "acme".parse().ok(),
        customer: None,
        run_id: None,
    };
    Scope { caller, grant: Grant::Tenant, method: "/a.B/C".into(), issuer: "gateway".into() }
}

pub(crate) fn request<M>(message: M) -> Request<M> {
    let mut request = Request::new(message);
    request.extensions_mut().insert(scope());
    request
}

async fn a_hostile_template_is_refused_and_the_service_goes_on(world: &World) {
    world.usual().await;
    let owner = world.someone("OWNER", None);
    let preview = async |text: &str| {
        let mail_template = payterms_proto::invoicing::v1::MailTemplate {
            kind: payterms_proto::invoicing::v1::MailKind::Receipt.into(),
            locale: "en".into(),
            subject: "Hello".into(),
            text: text.into(),
            ..Default::default()
        };
        let request = PreviewMailTemplateRequest {
            parent: "tenants/acme".into(),
            mail_template: Some(mail_template),
        };
        owner.templates().preview_mail_template(request).await
    };
    for (open, inner) in [("-", "1"), ("not ", "number"), ("(", "1"), ("[", "1")] {
        let refused =
            preview(&format!("{{{{ {}{inner} }}}}", open.repeat(3_000))).await.unwrap_err();
        assert_eq!(reason(&refused), "TEMPLATE_INVALID");
        assert!(refused.message().contains("line 1"), "{}", refused.message());
    }
    assert_eq!(preview("{{ number }}").await.unwrap().into_inner().text, "RC-2026-000001");
}

/// Pieces of templates, put together at random.
const TEMPLATE_WORDS: [&str; 44] = [
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "#}",
    "{% if a %}",
    "{% endif %}",
    "{% for a in invoices %}",
    "{% endfor %}",
    "{% set a = a %}",
    "{% set a %}",
    "{% endset %}",
    "{% elif a %}",
    "{% else %}",
    "{{ number }}",
    "-",
    " not ",
    ".a",
    "[0]",
    "()",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "=",
    "|a",
    " is a",
    " if a else ",
    "+",
    "~",
    "*",
    "**",
    "\"",
    "'",
    "\\u0000",
    "{% raw %}",
    "é",
    "\n",
    "99999999999999999999",
];
/// What nests: before it, its beginning, its end, and after it.
const TEMPLATE_NESTS: [(&str, &str, &str, &str); 17] = [
    ("{{ ", "-", "", "1 }}"),
    ("{{ ", "not ", "", "1 }}"),
    ("{{ a", ".a", "", " }}"),
    ("{{ a", "[0]", "", " }}"),
    ("{{ a", "()", "", " }}"),
    ("{{ ", "(", ")", " }}"),
    ("{{ ", "[", "]", " }}"),
    ("{{ ", "{1:", "}", " }}"),
    ("{{ a", "(a", ")", " }}"),
    ("{{ a", " if a else a", "", " }}"),
    ("{{ a", "|a", "", " }}"),
    ("{{ a", " is a", "", " }}"),
    ("{{ a", " ~ a", "", " }}"),
    ("", "{% if a %}", "{% endif %}", ""),
    ("", "{% for a in a %}", "{% endfor %}", ""),
    ("{% if a %}", "{% elif a %}", "", "{% endif %}"),
    ("{% for ", "(", ")", " in a %}"),
];

#[test]
fn templates() {
    let variables = templates::samples(MailKind::Statement, Language::English);
    let ours = MailKind::ALL.map(|kind| templates::ours(kind, Language::English).1.as_bytes());
    let more: [&[u8]; 3] = [
        b"{% for x, y in [[1, 2], [3, 4]] recursive %}{{ loop(x) }}{% set a = x if y else [a, a] %}{% endfor %}",
        b"{% set a %}{{ a|b(c=1)[0:1].d }}{% endset %}{% with a = {'b': -1 ** 2 ~ 3} %}{% endwith %}",
        b"{% if not a is b(1) and c not in (d, e) %}{% elif a %}{% else %}{% endif %}{# c #}{% raw %}{{{% endraw %}",
    ];
    let samples: Vec<&[u8]> = ours.into_iter().chain(more).collect();
    feed(&samples, &TEMPLATE_WORDS, &TEMPLATE_NESTS, |text| {
        let text = String::from_utf8_lossy(text);
        if let Err(refusal) = templates::render("Hello", &text, &variables) {
            assert_eq!(refusal.reason, Reason::TEMPLATE_INVALID);
            assert!(!refusal.message.contains("engine failed"), "{}: {text}", refusal.message);
        }
    });
}

const STATEMENT: &[u8] = include_bytes!("../../crates/suite/demo/statement.xml");

#[test]
fn xml_and_statements() {
    let tenant: TenantId = "acme".parse().unwrap();
    let small = crate::bank::camt_in(
        "USD",
        &[("10.00", "INV-2026-000001", "B1"), ("11.00", "x &amp; y &#65;", "B2")],
    );
    let words = [
        "<",
        ">",
        "</",
        "/>",
        "<a>",
        "</a>",
        "<a b='",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<?",
        "?>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]>",
        "&b;",
        "&#0;",
        "&#x110000;",
        "&",
        "\"",
        " a='1'",
        "<Amt Ccy=\"USD\">",
        "<Ntry>",
        "</Ntry>",
        "é",
        "\0",
        "99999999999999999999999999999999",
        "-",
        "1e9",
        "2026-13-45",
        "xmlns:a=''",
        "a:",
    ];
    let nests = [
        ("", "<a>", "</a>", ""),
        ("<a ", "b='1' ", "", "/>"),
        ("<a>", "<b/>", "", "</a>"),
        ("<a>", "&lt;", "", "</a>"),
        ("<a>", "<![CDATA[", "]]>", "</a>"),
        ("<!DOCTYPE a [", "<!ENTITY a '&a;'>", "", "]><a/>"),
        ("<a>", "<!--", "-->", "</a>"),
        ("<", "a:", "", "/>"),
        (
            "<Document><BkToCstmrStmt><Stmt>",
            "<Ntry>",
            "</Ntry>",
            "</Stmt></BkToCstmrStmt></Document>",
        ),
    ];
    feed(&[STATEMENT, &small], &words, &nests, |file| {
        let refusals = [
            read_bank_lines(file, &BankReading::default(), TODAY).err(),
            read_bank_file(&tenant, file, &Reading::default(), TODAY).err(),
        ];
        assert!(
            refusals.iter().flatten().all(|refusal| refusal.reason == Reason::BANK_FILE_INVALID
                && refusal.kind == Kind::Invalid)
        );
    });
}

#[test]
fn csv_files_and_their_mappings() {
    let tenant: TenantId = "acme".parse().unwrap();
    let customers: &[u8] = include_bytes!("../../crates/suite/demo/customers.csv");
    let bank: &[u8] = include_bytes!("../../crates/suite/demo/bank.csv");
    let other: &[u8] = "\u{feff}Date;Who;Amount;Balance\n30.06.2026;\"M;x\";1.234,50;2.000,00\n29.06.2026;Rent;-900,00;765,50\n".as_bytes();
    let words = [
        ",",
        ";",
        "\n",
        "\r\n",
        "\"",
        "\"\"",
        "\t",
        "country",
        "Date",
        "Amount",
        "-",
        "+",
        ".",
        "1.234,50",
        "0000",
        "99999999999999999999",
        "30.06.2026",
        "\u{feff}",
        "é",
        "\0",
        "=1+1",
        "NaN",
        "|",
    ];
    let nests = [
        ("country\n", "\"", "\"", ""),
        ("", ",", "", "\n"),
        ("Date;Amount\n", "1;", "", ""),
        ("Date;Amount\n", "1.", ",1", ";"),
    ];
    let orders = [DateOrder::YearMonthDay, DateOrder::DayMonthYear, DateOrder::MonthDayYear];
    let mapping = |place: usize| CsvMapping {
        date: ("Date".into(), orders[place % 3]),
        amount: if place.is_multiple_of(2) { "Amount".into() } else { String::new() },
        sides: if place.is_multiple_of(2) {
            Default::default()
        } else {
            ("Amount".into(), "Balance".into())
        },
        balance: "Balance".into(),
        party: "Who".into(),
        reference: String::new(),
        separator: b",;\t|"[place % 4],
        decimal_comma: place.is_multiple_of(3),
        account: "a".into(),
        currency: "EUR".into(),
        covers: (None, None),
        currency_column: String::new(),
        status_column: if place.is_multiple_of(5) { "Who".into() } else { String::new() },
        direction_column: String::new(),
        text_columns: vec!["Who".into()],
    };
    feed(&[customers, bank, other], &words, &nests, |file| {
        let request_id = uuid::Uuid::nil().to_string();
        let message = ImportCustomersRequest {
            request_id,
            parent: "tenants/acme".into(),
            csv: file.to_vec().into(),
            ..Default::default()
        };
        let _ = customer_import::import_customers(request(message));
        for place in [0, file.len() % 12] {
            let reading = Reading { mapping: Some(mapping(place)), preset: None };
            let _ = read_bank_file(&tenant, file, &reading, TODAY);
        }
    });
}

#[test]
fn texts_on_documents() {
    let words = [
        "a",
        " ",
        "\n",
        "é",
        "東京",
        "🙂",
        "e\u{301}\u{301}\u{301}",
        "\u{200d}",
        "\u{202e}",
        "العربية",
        "हिन्दी",
        "fi",
        "\0",
        "\u{ad}",
        "W",
        "\t",
        "\u{feff}",
    ];
    let samples =
        ["Müller & Söhne GmbH", "1 High Street", "INV-2026-000001 100.00\u{a0}USD", "क्षत्रिय ﷽ 👩‍👩‍👧"]
            .map(str::as_bytes);
    let print = || {
        let mut mutator = Mutator::new(&samples, &words);
        let mut text = || mutator.next_text().chars().take(300).collect::<String>();
        for _ in 0..60 {
            let (name, amount) =
                (text(), Money::from_micros(Currency::parse("EUR").unwrap(), 10_000));
            let transfer = epc::Transfer {
                name: &name,
                iban: "DE89370400440532013000",
                amount,
                reference: "RF54INV2026000042",
            };
            let sheet = paper::Sheet {
                title: text(),
                seller: vec![text(), text(), text()],
                buyer: vec![text(), text(), text()],
                facts: vec![(text(), text())],
                heads: [text(), text(), text(), text()],
                sections: Vec::new(),
                rows: vec![[text(), text(), text(), text()]],
                sums: vec![(text(), text())],
                sentences: vec![text()],
                slip: Some(paper::Slip {
                    title: text(),
                    lines: vec![text()],
                    code: transfer.code(),
                }),
                foot: text(),
                page: text(),
            };
            paper::print(&sheet).unwrap();
        }
    };
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(1 << 20)
            .spawn_scoped(scope, print)
            .unwrap()
            .join()
            .unwrap();
    });
}
