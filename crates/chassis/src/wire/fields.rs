//! Validation of requests: every field is checked, and all violations are reported at once.
//!
//! A check returns a value even if the field is wrong, and [`Fields::finish`] refuses the request
//! afterwards. So a parse function needs no branches.

pub use crate::wire::amounts::Digits;

use crate::wire::{
    call::{Call, Grant, Scope},
    error::AppError,
    names::{self, Name, Parent},
};
use payterms_kernel::{
    Reason, Refusal, TenantId, Violation,
    text::{self, TextFault},
};
use payterms_proto::RequestMessage;
use prost::Message;
use sha2::{Digest, Sha256};
use tonic::Request;
use uuid::Uuid;

/// The checks of one request.
#[derive(Debug)]
pub struct Fields {
    scope: Scope,
    input_hash: Vec<u8>,
    violations: Vec<Violation>,
    hidden: bool,
    validate_only: bool,
}

impl Fields {
    /// Splits a request into its checks and its message.
    ///
    /// # Errors
    /// `Fault` if the request did not pass the access layer.
    pub fn open<M: Message + RequestMessage>(request: Request<M>) -> Result<(Self, M), AppError> {
        let scope = Scope::of(request.extensions())?;
        let mut message = request.into_inner();
        // Before the hash is made: the request that is done is the same one.
        let validate_only = message.take_validate_only();
        Ok((Self { validate_only, ..Self::of(scope, &message) }, message))
    }

    /// The checks of one message of a stream.
    #[must_use]
    pub fn of<M: Message>(scope: Scope, message: &M) -> Self {
        let mut input = message.encode_to_vec();
        // A retry may write an id in the other case.
        names::lower_uuids(&mut input);
        let input_hash =
            Sha256::new().chain_update(&scope.method).chain_update(input).finalize().to_vec();
        Self { scope, input_hash, violations: Vec::new(), hidden: false, validate_only: false }
    }

    /// The caller and the scope of its permission.
    #[must_use]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Adds a violation.
    pub fn wrong(&mut self, field: &str, reason: Reason, description: impl Into<String>) {
        self.violations.push(Violation {
            field: field.to_owned(),
            reason,
            description: description.into(),
        });
    }

    /// Refuses if a field was wrong, or if the caller may not see a named resource. Violations come
    /// first: they say nothing about what exists.
    ///
    /// # Errors
    /// All violations at once, or `RESOURCE_NOT_FOUND`.
    pub fn finish(self) -> Result<(), AppError> {
        if !self.violations.is_empty() {
            return Err(Refusal::invalid(self.violations).into());
        }
        if self.hidden {
            return Err(Refusal::not_found().into());
        }
        Ok(())
    }

    /// Refuses like [`Fields::finish`], then builds the call of a write.
    ///
    /// # Errors
    /// As `finish`.
    pub fn write(mut self, request_id: &str, tenant: TenantId) -> Result<Call, AppError> {
        let request_id = self.request_id(request_id);
        let call = Call {
            caller: self.scope.caller.clone(),
            tenant,
            request_id,
            method: self.scope.method.clone(),
            input_hash: self.input_hash.clone(),
            caused_by: None,
            validate_only: self.validate_only,
        };
        self.finish()?;
        Ok(call)
    }

    fn request_id(&mut self, text: &str) -> Uuid {
        if text.is_empty() {
            self.wrong(
                "request_id",
                Reason::REQUEST_ID_REQUIRED,
                "Send a fresh UUID, and the same one when retrying.",
            );
        } else if names::uuid(text).is_none() {
            self.wrong("request_id", Reason::REQUEST_ID_INVALID, "Send a UUID with dashes.");
        }
        names::uuid(text).unwrap_or_default()
    }

    /// A resource name within the caller's tenant and, for a member, the member's customer.
    pub fn name(&mut self, field: &str, text: &str, collections: &[&str]) -> Name {
        if let Some(name) = names::parse(text, collections) {
            let customer = (collections.first() == Some(&"customers")).then(|| name.id(0));
            self.hidden |= !self.scope.covers(&name.tenant, customer);
            return name;
        }
        self.no_name(field, text, &names::form(collections));
        Name { tenant: self.stand_in_tenant(), ids: Vec::new() }
    }

    /// Notes that a text is no resource name, or that there is none.
    fn no_name(&mut self, field: &str, text: &str, form: &str) {
        let missing = if text.is_empty() { "The name is missing. " } else { "" };
        self.wrong(field, Reason::RESOURCE_NAME_INVALID, format!("{missing}Use the form {form}."));
    }

    /// Stands in for a malformed tenant. The request is refused before the value is used.
    fn stand_in_tenant(&self) -> TenantId {
        self.scope.caller.tenant.clone().unwrap_or_else(fallback_tenant)
    }

    /// The parent of a list, in which `-` stands for all of a collection. A member's list is of the
    /// member's own customer alone.
    pub fn parent(&mut self, field: &str, text: &str, collections: &[&str]) -> Parent {
        let Some(mut parent) = names::parse_parent(text, collections) else {
            self.no_name(field, text, &format!("{}; - stands for all", names::form(collections)));
            return Parent { tenant: self.stand_in_tenant(), ids: Vec::new() };
        };
        let customer =
            if self.scope.grant == Grant::OwnCustomer { self.scope.caller.customer } else { None };
        if let Some(all) = parent.ids.first_mut().filter(|first| first.is_none()) {
            *all = customer;
        }
        self.hidden |= !self.scope.covers(&parent.tenant, parent.id(0));
        parent
    }

    /// The name of a resource of the tenant that its customers may use too, such as a programme.
    pub fn shared_name(&mut self, field: &str, text: &str, collections: &[&str]) -> Name {
        if let Some(name) = names::parse(text, collections) {
            self.hidden |= self.scope.caller.tenant.as_ref() != Some(&name.tenant);
            return name;
        }
        self.name(field, text, collections)
    }

    /// The name of a resource of which its parent has exactly one, such as
    /// `tenants/acme/testClock`.
    pub fn singleton(&mut self, field: &str, text: &str, collections: &[&str], last: &str) -> Name {
        let parent =
            text.strip_suffix(last).and_then(|rest| rest.strip_suffix('/')).unwrap_or_default();
        if names::parse(parent, collections).is_none() {
            self.no_name(field, text, &format!("{}/{last}", names::form(collections)));
            return Name { tenant: self.stand_in_tenant(), ids: Vec::new() };
        }
        self.name(field, parent, collections)
    }

    /// A free text of `least` to `most` characters.
    pub fn text(&mut self, field: &str, text: &str, least: usize, most: usize) -> String {
        self.checked(field, text, least..=most, text::check)
    }

    /// A text that a document may print: its characters must be in the fonts
    /// (docs/domain/invoicing.md#scripts).
    pub fn printed(&mut self, field: &str, text: &str, least: usize, most: usize) -> String {
        let kept = self.text(field, text, least, most);
        self.must_be_printable(field, text);
        kept
    }

    /// Refuses a text with characters that documents cannot print, and names them.
    pub fn must_be_printable(&mut self, field: &str, text: &str) {
        let missing: String = payterms_fonts::unprintable(text).chars().take(20).collect();
        if !missing.is_empty() {
            let sentence = format!(
                "Documents cannot print {missing:?} yet. Write it in Latin, Greek or Cyrillic letters."
            );
            self.wrong(field, Reason::SCRIPT_UNSUPPORTED, sentence);
        }
    }

    /// A reference or another business number, such as an IBAN. Part of its digits may look like a
    /// card number.
    pub fn reference(&mut self, field: &str, text: &str, least: usize, most: usize) -> String {
        self.checked(field, text, least..=most, text::check_reference)
    }

    /// A token that a program made, such as a signature or an etag. It may contain any digits.
    pub fn token(&mut self, field: &str, text: &str, least: usize, most: usize) -> String {
        self.checked(field, text, least..=most, text::check_token)
    }

    fn checked(
        &mut self,
        field: &str,
        text: &str,
        length: std::ops::RangeInclusive<usize>,
        check: impl Fn(&str, usize) -> Result<(), TextFault>,
    ) -> String {
        let most = *length.end();
        if text.trim().chars().count() < *length.start() {
            self.wrong(field, Reason::FIELD_REQUIRED, format!("Write 1 to {most} characters."));
        }
        match check(text, most) {
            Ok(()) => {}
            Err(TextFault::TooLong) => self.wrong(
                field,
                Reason::FIELD_TOO_LONG,
                format!("Write at most {most} characters."),
            ),
            Err(TextFault::InvalidChars) => self.wrong(
                field,
                Reason::FIELD_INVALID_CHARS,
                "Remove control and reordering characters.",
            ),
            Err(TextFault::CardNumber) => self.wrong(
                field,
                Reason::CARD_NUMBER_FORBIDDEN,
                "Remove the card number: none is ever taken.",
            ),
        }
        text.to_owned()
    }

    /// A free text that may have several lines.
    pub fn lines(&mut self, field: &str, text: &str, least: usize, most: usize) -> String {
        self.text(field, &text.replace('\n', " "), least, most);
        text.to_owned()
    }

    /// A whole number within a range.
    pub fn number(
        &mut self,
        field: &str,
        number: i32,
        range: std::ops::RangeInclusive<i32>,
    ) -> u32 {
        if !range.contains(&number) {
            self.wrong(
                field,
                Reason::FIELD_OUT_OF_RANGE,
                format!("Use a number from {} to {}.", range.start(), range.end()),
            );
        }
        u32::try_from(number).unwrap_or_default()
    }

    /// A page size: 0 means the default, and larger sizes are clamped.
    pub fn page_size(&mut self, size: i32) -> u32 {
        if size < 0 {
            self.wrong(
                "page_size",
                Reason::PAGE_SIZE_INVALID,
                "Use 0 for the default, or a positive number.",
            );
        }
        payterms_kernel::page::size(u32::try_from(size).unwrap_or_default())
    }

    /// An ISO 3166-1 alpha-2 country.
    pub fn country(&mut self, field: &str, code: &str) -> String {
        if !payterms_kernel::country::is_country(code) {
            self.wrong(field, Reason::COUNTRY_INVALID, "Use two upper-case letters such as AU.");
        }
        code.to_owned()
    }

    /// A mail address of at most 254 characters; may be empty.
    pub fn email(&mut self, field: &str, text: &str) -> String {
        let text = self.text(field, text, 0, 254);
        let plain = |part: &str| {
            !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c == '@' || c == ',')
        };
        let valid = text.split_once('@').is_some_and(|(local, domain)| {
            plain(local)
                && plain(domain)
                && domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
        });
        if !text.is_empty() && !valid {
            self.wrong(
                field,
                Reason::EMAIL_INVALID,
                "Write a mail address such as billing@example.com.",
            );
        }
        text
    }

    /// The paths of an update mask: at least one, and only paths in `allowed`.
    pub fn mask(&mut self, mask: Option<&prost_types::FieldMask>, allowed: &[&str]) -> Vec<String> {
        let paths = mask.map(|mask| mask.paths.clone()).unwrap_or_default();
        if paths.is_empty() {
            self.wrong("update_mask", Reason::FIELD_REQUIRED, "Name the fields to change.");
        }
        if paths.len() > 50 {
            self.wrong("update_mask", Reason::TOO_MANY_ITEMS, "Name at most 50 fields.");
            return Vec::new();
        }
        for path in paths.iter().filter(|path| !allowed.contains(&path.as_str())) {
            let shown: String = path.chars().filter(char::is_ascii_graphic).take(60).collect();
            self.wrong(
                "update_mask",
                Reason::FIELD_MASK_INVALID,
                format!(
                    "{shown:?} cannot be changed here. Use some of {}. JSON names them as its fields: billingEmail for billing_email.",
                    allowed.join(", ")
                ),
            );
        }
        paths
    }
}

/// The tenant of a caller who has none, such as an operator.
fn fallback_tenant() -> TenantId {
    #[expect(
        clippy::expect_used,
        reason = "a constant slug; a test of the kernel parses such ones"
    )]
    "unknown".parse().expect("a slug")
}
