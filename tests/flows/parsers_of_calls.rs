//! The parsers of what a call is made of, with hostile inputs: JSON of providers and tokens,
//! messages, names, amounts and headers.

use crate::{
    fuzz::feed,
    parsers::{request, scope},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::FutureExt;
use hmac::{Hmac, Mac};
use payterms_chassis::{Fields, identity, layers::parse_timeout, names, page::PageSigner};
use payterms_gateway::identity::{KeyOptions, KeySet, TokenOptions};
use payterms_invoicing::messages::mail_templates;
use payterms_kernel::{Currency, Money, Reason, SystemClock, TenantId, money::parse_decimal, text};
use payterms_proto::{
    common::v1::Event,
    credit::v1::CreatePolicyRequest,
    invoicing::v1::{CreateInvoiceRequest, PreviewMailTemplateRequest},
    plans::v1::ProposePlanRequest,
    wallet::v1::PostDebitRequest,
};
use payterms_wallet::provider::{PaymentProvider, simulator::Simulator};
use prost::Message;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use sha2::Sha256;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

#[test]
fn json_of_providers_and_of_tokens() {
    let (secret, acme): (_, TenantId) = (b"secret".to_vec(), "acme".parse().unwrap());
    let provider = Simulator::new("http://localhost", secret.clone()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    identity::ensure_key(folder.path(), "gateway").unwrap();
    let keys = folder.path().join("jwks.json");
    std::fs::write(&keys, identity::key_set(folder.path(), &["gateway"]).unwrap()).unwrap();
    let callers =
        KeySet::open(&KeyOptions::file(keys), TokenOptions::default(), CancellationToken::new())
            .unwrap();
    let signer = identity::Signer::read(folder.path(), "gateway", Arc::new(SystemClock)).unwrap();
    let services = identity::Verifier::read(folder.path(), "wallet", &["gateway".into()]).unwrap();
    let token = signer.internal("wallet", &scope().caller).unwrap();
    let signature = token.rsplit('.').next().unwrap();
    let samples: [&[u8]; 3] = [
        br#"{"type":"charge.returned","id":"ch_1","more":[{"a":1.5e3,"b":null},"\u00e9"]}"#,
        br#"{"iss":"gateway","aud":"wallet","sub":"ann","tenant":"acme","roles":["STAFF"],"exp":4102444800}"#,
        br#"{"alg":"EdDSA","kid":"gateway","typ":"JWT","crit":["b64"]}"#,
    ];
    let words = [
        "{",
        "}",
        "[",
        "]",
        "\"",
        ":",
        ",",
        "\\u",
        "\\uD800",
        "1e999999999",
        "-",
        "null",
        "{\"a\":",
        "[[",
        "0.",
        "é",
        "\0",
        "\"type\":",
        "\"id\":",
        ".",
    ];
    let nests = [
        ("", "[", "]", ""),
        ("", "{\"a\":", "}", ""),
        ("{\"type\":", "[", "]", "}"),
        ("{\"id\":1", "0", "", "}"),
        ("\"", "\\u0000", "", "\""),
    ];
    feed(&samples, &words, &nests, |body| {
        let mac = Hmac::<Sha256>::new_from_slice(&secret)
            .unwrap()
            .chain_update(body)
            .finalize()
            .into_bytes();
        provider.read_notification(&acme, body, &hex::encode(mac)).now_or_never().unwrap().unwrap();
        let _ = provider
            .read_notification(&acme, body, &String::from_utf8_lossy(body))
            .now_or_never()
            .unwrap();
        let part = URL_SAFE_NO_PAD.encode(body);
        let [header, payload] =
            [token.split('.').next().unwrap(), token.split('.').nth(1).unwrap()];
        let plain = String::from_utf8_lossy(body).into_owned();
        // A header that names the key costs a check of the signature, so of those there are fewer.
        let signed = if body.len() % 8 == 0 {
            vec![format!("{header}.{part}.{signature}"), format!("{header}.{payload}.{part}")]
        } else {
            vec![]
        };
        for token in signed.into_iter().chain([format!("{part}.{payload}.{signature}"), plain]) {
            assert!(callers.verify(&token).is_err(), "{token}");
            assert!(services.verify(&token).is_err(), "{token}");
        }
    });
}

#[test]
fn messages_of_the_contract() {
    let event =
        Event { id: "a".into(), data: b"b".to_vec().into(), ..Default::default() }.encode_to_vec();
    let policy = payterms_proto::credit::v1::Policy { title: "A".into(), ..Default::default() };
    let policy = CreatePolicyRequest {
        parent: "tenants/acme".into(),
        policy: Some(policy),
        ..Default::default()
    }
    .encode_to_vec();
    // Groups in groups of a field that nobody knows, wrong wire types, lengths beyond the end.
    let words = [
        "\u{b}",
        "\u{c}",
        "\u{7b}",
        "\u{7c}",
        "\n",
        "\u{12}\u{7f}",
        "\u{1a}\u{2}\n",
        "\u{7f}",
        "\0",
        "\u{8}",
        "\u{a}\u{4}\u{a}\u{2}",
    ];
    let nests = [
        ("", "\u{7b}", "\u{7c}", ""),
        ("", "\u{b}", "\u{c}", ""),
        ("\u{12}\u{7f}", "\u{7b}", "\u{7c}", ""),
    ];
    feed(&[&event, &policy], &words, &nests, |bytes| {
        let _ = Event::decode(bytes).map(|event| event.encode_to_vec());
        let _ = CreateInvoiceRequest::decode(bytes).map(|request| request.encode_to_vec());
        let _ = ProposePlanRequest::decode(bytes).map(|request| request.encode_to_vec());
        let _ = PostDebitRequest::decode(bytes).map(|request| request.encode_to_vec());
        let _ = payterms_chassis::error::status(
            tonic::Code::Unknown,
            Reason::INTERNAL,
            &String::from_utf8_lossy(bytes),
        );
        if let Ok(message) = CreatePolicyRequest::decode(bytes) {
            let _ = payterms_credit::messages::policies::create_policy(request(message));
        }
        if let Ok(message) = PreviewMailTemplateRequest::decode(bytes) {
            let _ = mail_templates::preview_mail_template(request(message));
        }
    });
}

/// So the depth of a message is that of the contract: nobody who sends one chooses it.
#[test]
fn no_message_of_the_contract_contains_itself() {
    fn walk(message: &MessageDescriptor, path: &mut Vec<String>) {
        assert!(
            !path.contains(&message.full_name().to_owned()),
            "{} is in itself: {path:?}",
            message.full_name()
        );
        path.push(message.full_name().to_owned());
        for field in message.fields() {
            if let Some(inner) = field.kind().as_message() {
                walk(inner, path);
            }
        }
        path.pop();
    }
    let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET).unwrap();
    for message in
        pool.all_messages().filter(|message| message.full_name().starts_with("payterms."))
    {
        walk(&message, &mut Vec::new());
    }
}

#[test]
fn names_tokens_amounts_and_headers() {
    let pages = PageSigner::new(b"key");
    let token = pages.sign("a", "42");
    let name = "tenants/acme/customers/01993c7a-0000-7000-8000-000000000001/wallets/01993c7a-0000-7000-8000-000000000002";
    let samples = [
        name,
        &token,
        "-1234567.123456",
        "30S",
        "ann@brightside.example",
        "Europe/Berlin",
        "4242 4242-4242 4241",
    ]
    .map(str::as_bytes);
    let words = [
        "/",
        "tenants/",
        "-",
        ".",
        "0",
        "9",
        "e",
        "+",
        " ",
        "é",
        "٣",
        "\0",
        "=",
        "_",
        "@",
        "S",
        "H",
        "99999999",
        "\u{202e}",
        "..",
        "%2f",
        "W/\"1\"",
        "4242424242424242",
        "_id",
    ];
    let usd = Currency::parse("USD").unwrap();
    feed(
        &samples,
        &words,
        &[("tenants/", "a/", "", ""), ("", "0", "", ""), ("a@", "a.", "", ""), ("1", "e9", "", "")],
        |bytes| {
            let plain = String::from_utf8_lossy(bytes);
            let _ = names::parse(&plain, &["customers", "wallets"]);
            let _ = (
                plain.parse::<TenantId>(),
                plain.parse::<chrono_tz::Tz>(),
                Currency::parse(&plain),
            );
            let _ = (
                parse_decimal(&plain, 6),
                Money::parse(usd, &plain),
                parse_timeout(&plain),
                text::check(&plain, 1_000),
            );
            assert!(pages.read("a", &plain).is_err() || plain.is_empty() || plain == token);
            let mut fields = Fields::of(scope(), &());
            fields.email("email", &plain);
            fields.lines("lines", &plain, 0, 1_000);
            fields.name("name", &plain, &["customers"]);
            fields.singleton("name", &plain, &[], "testClock");
            fields.mask(
                Some(&prost_types::FieldMask { paths: vec![plain.clone().into_owned()] }),
                &["a"],
            );
            let _ = fields.finish();
        },
    );
}
