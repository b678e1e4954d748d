//! The catalogue of public events, read from the options of their messages: what is shown outside
//! the suite, and to whom. A message without the option is never shown.

use prost_reflect::{DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use std::{collections::BTreeMap, sync::LazyLock};

/// The option that makes an event public.
const OPTION: &str = "payterms.common.v1.event_visibility";

/// One type of public event.
#[derive(Debug, Clone)]
pub struct PublicType {
    pub(crate) message: MessageDescriptor,
    /// The fields that lead to the name of its resource.
    pub(crate) subject: Vec<String>,
    /// The path of the method that reads its resource.
    pub read_by: String,
    /// The fields that are shown; none: names only.
    pub shown: Vec<FieldDescriptor>,
    /// The field of which each item is an event.
    pub one_for_each: Option<FieldDescriptor>,
    /// Whether people of customers are shown the name alone.
    pub customers_see_name: bool,
    /// Whether it is kept from people of customers while the tenant hides its resource from them.
    pub can_be_hidden: bool,
}

impl PublicType {
    fn read(message: MessageDescriptor, option: &DynamicMessage) -> Result<Self, String> {
        let name = message.full_name().to_owned();
        let text = |field: &str| {
            option
                .get_field_by_name(field)
                .and_then(|value| value.as_str().map(str::to_owned))
                .unwrap_or_default()
        };
        let flag = |field: &str| {
            option.get_field_by_name(field).and_then(|value| value.as_bool()).unwrap_or_default()
        };
        let field = |field: &str| {
            message.get_field_by_name(field).ok_or_else(|| format!("{name} has no field {field}"))
        };
        let given = option
            .get_field_by_name("shown")
            .and_then(|value| value.as_list().map(<[_]>::to_vec))
            .unwrap_or_default();
        let shown = given
            .iter()
            .filter_map(prost_reflect::Value::as_str)
            .map(field)
            .collect::<Result<Vec<_>, _>>()?;
        let one_for_each = Some(text("one_for_each"))
            .filter(|each| !each.is_empty())
            .map(|each| field(&each))
            .transpose()?;
        let subject: Vec<_> = text("subject").split('.').map(str::to_owned).collect();
        let mut at = match &one_for_each {
            None => Some(message.clone()),
            Some(each) => each.kind().as_message().cloned(),
        };
        for (index, part) in subject.iter().enumerate() {
            let field =
                at.and_then(|at| at.get_field_by_name(part)).filter(|field| !field.is_list());
            let kind = field.map(|field| field.kind());
            at = kind.as_ref().and_then(Kind::as_message).cloned();
            let is_last = index.saturating_add(1) == subject.len();
            if kind.is_none_or(|kind| is_last && kind != Kind::String) {
                return Err(format!("{name}: the subject {} leads to no name", subject.join(".")));
            }
        }
        Ok(Self {
            subject,
            read_by: format!("/{}", text("read_by")),
            shown,
            one_for_each,
            customers_see_name: flag("customers_see_name"),
            can_be_hidden: flag("can_be_hidden"),
            message,
        })
    }

    /// The service in which it happens: `wallet` of `payterms.wallet.v1.CreditGranted`.
    #[must_use]
    pub fn service(&self) -> &str {
        self.message.full_name().split('.').nth(1).unwrap_or_default()
    }

    /// The message of the event.
    #[must_use]
    pub fn message(&self) -> &MessageDescriptor {
        &self.message
    }
}

/// All types of public events, by name.
#[derive(Debug, Clone)]
pub struct Catalogue(BTreeMap<String, PublicType>);

/// Read at the first use and once in a process: the descriptors are large, and a process that
/// starts has no use for them yet.
static SHARED: LazyLock<Catalogue> = LazyLock::new(|| {
    Catalogue::load().unwrap_or_else(|error| {
        tracing::error!(
            error,
            "the catalogue of events cannot be read: there are no public events"
        );
        Catalogue(BTreeMap::new())
    })
});

impl Catalogue {
    /// The catalogue of this process.
    #[must_use]
    pub fn shared() -> &'static Self {
        &SHARED
    }

    /// The catalogue of the contract, read anew.
    ///
    /// # Errors
    /// A sentence that names the message whose option is wrong.
    pub fn load() -> Result<Self, String> {
        let pool = DescriptorPool::decode(payterms_proto::DESCRIPTOR_SET_WITHOUT_COMMENTS)
            .map_err(|error| error.to_string())?;
        let option =
            pool.get_extension_by_name(OPTION).ok_or_else(|| format!("there is no {OPTION}"))?;
        let mut types = BTreeMap::new();
        for message in pool.all_messages() {
            let options = message.options();
            if options.has_extension(&option)
                && let Some(given) = options.get_extension(&option).as_message()
            {
                types.insert(
                    message.full_name().to_owned(),
                    PublicType::read(message.clone(), given)?,
                );
            }
        }
        Ok(Self(types))
    }

    /// A type of public event by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&PublicType> {
        self.0.get(name)
    }

    /// All types, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &PublicType)> {
        self.0.iter().map(|(name, kind)| (name.as_str(), kind))
    }
}

#[cfg(test)]
mod tests {
    use super::Catalogue;

    #[test]
    fn what_names_people_or_banks_shows_names_only() {
        let catalogue = Catalogue::load().unwrap();
        for name in [
            "invoicing.v1.BankLineChanged",
            "invoicing.v1.MailChanged",
            "credit.v1.ApplicationChanged",
        ] {
            assert!(catalogue.get(&format!("payterms.{name}")).unwrap().shown.is_empty(), "{name}");
        }
        for name in [
            "wallet.v1.MethodSetupChanged",
            "wallet.v1.ChargeChanged",
            "credit.v1.BankFileDownloaded",
        ] {
            assert!(catalogue.get(&format!("payterms.{name}")).is_none(), "{name}");
        }
    }
}
