//! Names of the values of an enum, written once for both directions.

/// Gives the values of an enum the names that the contract, the store or a metric has for them:
/// `ALL`, `name` and `named`. A value that is left out does not compile.
///
/// ```
/// #[derive(Debug, Clone, Copy, PartialEq, Eq)]
/// pub enum State { Open, Closed }
///
/// payterms_kernel::names! {
///     /// The name of the state, as in the contract.
///     State { Open = "OPEN", Closed = "CLOSED" }
/// }
///
/// assert_eq!(State::Closed.name(), "CLOSED");
/// assert_eq!((State::named("OPEN"), State::named("AJAR")), (Some(State::Open), None));
/// ```
#[macro_export]
macro_rules! names {
    ($(#[$about:meta])* $type:ident { $($value:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// All values, in the order of their names' list.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$value),+];

            $(#[$about])*
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name),+
                }
            }

            /// The value with this name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$value),)+
                    _ => None,
                }
            }
        }
    };
}
