//! The port to mail servers: SMTP, or a folder of .eml files.

mod html;

use html::{Words, html};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    address::Envelope,
    message::{Attachment, Mailbox, MultiPart, SinglePart, header::ContentType},
    transport::smtp::{
        self,
        client::{Certificate, Tls, TlsParameters},
    },
};
use payterms_chassis::{
    net::tls::LoggedFaults,
    production::{Objections, is_this_machine},
};
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};
use url::Url;

/// A mail as it leaves.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// What the message id and the file name come from.
    pub id: String,
    /// The name that it is from.
    pub from_name: String,
    /// Where replies go; may be empty.
    pub reply_to: String,
    /// Addresses.
    pub to: Vec<String>,
    /// Subject.
    pub subject: String,
    /// The code of its language.
    pub language: &'static str,
    /// Text; the HTML part says the same.
    pub text: String,
    /// File names with their PDF.
    pub documents: Vec<(String, Vec<u8>)>,
    /// When it was written.
    pub written_at: SystemTime,
}

/// Objects to a place where nobody gets the mails, and to a line on which others could read them,
/// with what logs in to the mail server. A line that ends on this machine may be plain text. A
/// place that is malformed is [`Mailer::new`]'s matter.
pub fn check_for_production(setting: &'static str, place: &str, objections: &mut Objections) {
    if place.starts_with("file:") {
        objections.refuse(setting, "mails go to a folder, where no customer reads them; name a mail server with --mail-file");
    }
    let Some(server) = place.strip_prefix("smtp://").and_then(|_| Url::parse(place).ok()) else {
        return;
    };
    // The first one counts, as for the transport; `opportunistic` is plain text where somebody in
    // between takes STARTTLS away.
    let has_tls = server
        .query_pairs()
        .find(|(key, _)| key == "tls")
        .is_some_and(|(_, value)| value == "required");
    if !has_tls && !server.host_str().is_some_and(is_this_machine) {
        objections.refuse(
            setting,
            "mails may go to their server in plain text; write smtps://HOST, or smtp://HOST?tls=required, into its address",
        );
    }
}

/// TLS as the place asks for it, by which authorities of a file are believed too.
fn tls_with(place: &str, file: &Path) -> Result<Tls, String> {
    let fault = |error: &dyn fmt::Display| format!("{}: {error}", file.display());
    let server = Url::parse(place).map_err(|_| "the mail server's address is wrong".to_owned())?;
    let certificates = std::fs::read(file).map_err(|error| fault(&error))?;
    let certificates = Certificate::from_pem(&certificates).map_err(|error| fault(&error))?;
    let host = server.host_str().unwrap_or_default().to_owned();
    let parameters = TlsParameters::builder(host)
        .add_root_certificate(certificates)
        .build()
        .map_err(|error| fault(&error))?;
    let wanted =
        server.query_pairs().find(|(key, _)| key == "tls").map(|(_, value)| value.into_owned());
    match (server.scheme(), wanted.as_deref()) {
        ("smtps", _) => Ok(Tls::Wrapper(parameters)),
        ("smtp", Some("required")) => Ok(Tls::Required(parameters)),
        ("smtp", Some("opportunistic")) => Ok(Tls::Opportunistic(parameters)),
        _ => {
            Err("--mail-ca is for a line with TLS: write smtps://HOST, or smtp://HOST?tls=required, as the mail server's address"
                .to_owned())
        }
    }
}

/// A mail that was not taken. It names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The mail server refuses it for good, or it is no mail.
    #[error("the mail was refused")]
    Refused,
    /// The mail server cannot be reached, or says later.
    #[error("the mail server cannot be reached")]
    Unreachable,
}

/// Where mails go.
#[derive(Debug, Clone)]
pub struct Mailer {
    from: String,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    Folder(PathBuf),
    Smtp(Server),
}

impl Mailer {
    /// As [`Self::new`]; makes the folder.
    ///
    /// # Errors
    /// As [`Self::new`], or a sentence that names the folder.
    pub fn open(place: &str, from: &str, authorities: Option<&Path>) -> Result<Self, String> {
        let mailer = Self::new(place, from, authorities)?;
        if let Way::Folder(folder) = &mailer.way {
            std::fs::create_dir_all(folder)
                .map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        Ok(mailer)
    }

    /// A mailer for `file:FOLDER`, `smtp://host:port` or `smtps://user:password@host`, from an
    /// address. The server's certificate is of a public authority, or of one in the file.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the place, without its password, or with the file.
    pub fn new(place: &str, from: &str, authorities: Option<&Path>) -> Result<Self, String> {
        from.parse::<lettre::Address>().map_err(|_| format!("{from:?} is no mail address"))?;
        let tls = authorities.map(|file| tls_with(place, file)).transpose()?;
        let way = if let Some(folder) = place.strip_prefix("file:") {
            Way::Folder(PathBuf::from(folder))
        } else if place.starts_with("smtp://") || place.starts_with("smtps://") {
            let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(place)
                .map_err(|_| "the mail server's address is wrong".to_owned())?;
            let transport = match tls {
                Some(tls) => transport.tls(tls),
                None => transport,
            };
            Way::Smtp(Server { transport: transport.build(), faults: Arc::default() })
        } else {
            return Err("mail goes to file:FOLDER, smtp://HOST:PORT or smtps://USER:PASSWORD@HOST"
                .to_owned());
        };
        Ok(Self { from: from.to_owned(), way })
    }

    /// Sends a mail. Sent again, it has the same message id and the same file name.
    ///
    /// # Errors
    /// [`MailError`].
    pub async fn send(&self, mail: &Outgoing) -> Result<(), MailError> {
        let message = self.message(mail).ok_or(MailError::Refused)?;
        match &self.way {
            Way::Folder(folder) => {
                let (file, passing) = (
                    folder.join(format!("{}.eml", mail.id)),
                    folder.join(format!("{}.part", mail.id)),
                );
                // Whole or not at all: it gets its name when it is written.
                let written = async {
                    tokio::fs::write(&passing, message.formatted()).await?;
                    tokio::fs::rename(&passing, &file).await
                };
                written.await.map_err(|_| MailError::Unreachable)
            }
            Way::Smtp(server) => {
                let (whole, bytes) = (message.envelope().clone(), message.formatted());
                match deliver(server, &whole, &bytes).await {
                    // One address that is refused keeps the mail from all: the others get it by
                    // themselves.
                    Err(MailError::Refused) if whole.to().len() > 1 => {
                        each(server, &whole, &bytes).await
                    }
                    done => done,
                }
            }
        }
    }

    fn message(&self, mail: &Outgoing) -> Option<Message> {
        let domain = self.from.split_once('@')?.1;
        let from = Mailbox::new(Some(mail.from_name.clone()), self.from.parse().ok()?);
        let mut message = Message::builder()
            .message_id(Some(format!("<{}@{domain}>", mail.id)))
            .date(mail.written_at)
            .from(from);
        if !mail.reply_to.is_empty() {
            message = match mail.reply_to.parse() {
                Ok(reply_to) => message.reply_to(reply_to),
                Err(_) => message,
            };
        }
        for address in mail.to.iter().filter_map(|address| address.parse().ok()) {
            message = message.to(address);
        }
        let words = Words {
            language: mail.language,
            seller: &mail.from_name,
            subject: &mail.subject,
            text: &mail.text,
        };
        let mut alternatives =
            MultiPart::alternative().singlepart(SinglePart::plain(mail.text.clone()));
        if let Some(html) = html(words) {
            alternatives = alternatives.singlepart(SinglePart::html(html));
        }
        let message = message.subject(mail.subject.clone());
        if mail.documents.is_empty() {
            return message.multipart(alternatives).ok();
        }
        let mut parts = MultiPart::mixed().multipart(alternatives);
        for (name, content) in &mail.documents {
            let pdf = ContentType::parse("application/pdf").ok()?;
            parts = parts.singlepart(Attachment::new(name.clone()).body(content.clone(), pdf));
        }
        message.multipart(parts).ok()
    }
}

type Smtp = AsyncSmtpTransport<Tokio1Executor>;

/// A mail server, and what it was last logged for.
#[derive(Debug, Clone)]
struct Server {
    transport: Smtp,
    faults: Arc<LoggedFaults>,
}

/// What the server answers to a wrong or missing login: the operator's to mend, and no word about
/// the mail.
const LOGIN: [u16; 4] = [530, 534, 535, 538];

async fn deliver(server: &Server, envelope: &Envelope, bytes: &[u8]) -> Result<(), MailError> {
    let Err(error) = server.transport.send_raw(envelope, bytes).await else {
        server.faults.clear();
        return Ok(());
    };
    let code = error.status().map(u16::from);
    if error.is_permanent() && code.is_none_or(|code| !LOGIN.contains(&code)) {
        return Err(MailError::Refused);
    }
    let fault = fault(code, &error);
    if server.faults.is_due(&fault) {
        tracing::warn!(fault, "mails wait, and are sent later");
    }
    Err(MailError::Unreachable)
}

/// Why no mail goes to the server, for who runs it. The server's own words may name somebody.
fn fault(code: Option<u16>, error: &smtp::Error) -> String {
    match code {
        Some(code) if LOGIN.contains(&code) => format!("the mail server refuses the user or the password ({code}); correct --mail-file"),
        Some(code) => format!("the mail server says later ({code})"),
        None if error.is_tls() => "the mail server has no TLS".to_owned(),
        None if error.is_timeout() => "the mail server does not answer".to_owned(),
        None => {
            "there is no connection to the mail server, or its certificate has another name, or an authority that is neither public nor of \
                 --mail-ca"
                .to_owned()
        }
    }
}

/// To each address apart: sent where one takes it.
async fn each(server: &Server, whole: &Envelope, bytes: &[u8]) -> Result<(), MailError> {
    let mut done = Err(MailError::Refused);
    for to in whole.to() {
        let Ok(one) = Envelope::new(whole.from().cloned(), vec![to.clone()]) else { continue };
        done = match (done, deliver(server, &one, bytes).await) {
            (Ok(()), _) | (_, Ok(())) => Ok(()),
            (Err(MailError::Unreachable), _) | (_, Err(MailError::Unreachable)) => {
                Err(MailError::Unreachable)
            }
            (Err(MailError::Refused), Err(MailError::Refused)) => Err(MailError::Refused),
        };
    }
    done
}

#[cfg(test)]
mod tests {
    use super::{LOGIN, check_for_production, fault};
    use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor, address::Envelope};
    use payterms_chassis::production::{Mode, Objections};

    /// A server that answers each login with `answer`; what is said of it.
    async fn said_of(answer: &'static str) -> String {
        use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://canary:canary@{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let mut line = BufReader::new(listener.accept().await.unwrap().0);
            line.write_all(b"220 mail\r\n").await.unwrap();
            for answer in ["250-mail\r\n250 AUTH PLAIN\r\n", answer] {
                line.read_line(&mut String::new()).await.unwrap();
                line.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let transport =
            AsyncSmtpTransport::<Tokio1Executor>::from_url(&url).unwrap().build::<Tokio1Executor>();
        let [from, to] = ["a@shop.example", "canary@customer.example"]
            .map(|address| address.parse::<Address>().unwrap());
        let envelope = Envelope::new(Some(from), vec![to]).unwrap();
        let error = transport.send_raw(&envelope, b"a").await.unwrap_err();
        server.await.unwrap();
        fault(error.status().map(u16::from), &error)
    }

    #[tokio::test]
    async fn a_login_that_is_refused_is_told_from_a_server_that_is_away() {
        let wrong = said_of("535 canary@customer.example may not\r\n").await;
        assert!(
            LOGIN.contains(&535)
                && wrong.contains("refuses the user or the password (535)")
                && !wrong.contains("canary"),
            "{wrong}"
        );
        assert_eq!(said_of("454 later, canary\r\n").await, "the mail server says later (454)");
        assert!(said_of("").await.starts_with("there is no connection to the mail server"));
    }

    #[test]
    fn production_sends_mails_to_a_server_and_over_tls() {
        let objections_to = |place: &str| {
            let mut objections = Objections::new(Mode::Production);
            check_for_production("--mail", place, &mut objections);
            objections.settle().err().unwrap_or_default()
        };
        assert!(objections_to("file:mail").contains("go to a folder"));
        for plain in [
            "smtp://mail.example",
            "smtp://u:p@mail.example:587",
            "smtp://mail.example?tls=opportunistic",
            "smtp://mail.example?tls=opportunistic&tls=required",
        ] {
            assert!(objections_to(plain).contains("in plain text"), "{plain}");
        }
        for good in [
            "smtps://u:p@mail.example",
            "smtp://u:p@mail.example:587?tls=required",
            "smtp://127.0.0.1:25",
            "smtp://[::1]",
            "smtp://localhost",
        ] {
            assert_eq!(objections_to(good), "", "{good}");
        }
    }
}
