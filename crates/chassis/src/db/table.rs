//! One list of the columns of a table, from which follow: the row's struct (a SeaORM model where
//! rows are read as such), the columns and values of an insert, and those of an update. So a column
//! that is added to the list is written everywhere, and the compiler asks for its value where a row
//! is made. `tests/flows/columns.rs` compares the lists with the database and with the fast path's
//! procedure.

use crate::db::rows::Kind;
use chrono::{DateTime, Utc};
use sea_orm::Value;
use uuid::Uuid;

/// A type that a column can have in a row.
pub trait Cell: Into<Value> {
    /// How a list of its values is bound.
    const KIND: Kind;
}

macro_rules! cells {
    ($($type:ty => $kind:ident, $maybe:ident;)+) => {$(
        impl Cell for $type {
            const KIND: Kind = Kind::$kind;
        }
        impl Cell for Option<$type> {
            const KIND: Kind = Kind::$maybe;
        }
    )+};
}

cells! {
    Uuid => Id, MaybeId;
    String => Text, MaybeText;
    i64 => Number, MaybeNumber;
    Vec<u8> => Bytes, MaybeBytes;
    DateTime<Utc> => Time, MaybeTime;
}

impl Cell for bool {
    const KIND: Kind = Kind::Flag;
}

/// Declares a table by its columns. The first column of every table is `tenant`, a part of its key.
///
/// `entity "name"` makes `Model`, a SeaORM entity; `row "name"` makes `Row`, for a table that is
/// written in this way alone. The columns are in four groups: `key` with the tenant names a row;
/// `fixed` is written once; `changing` is what an update writes; `unread` is written once and not
/// read with the entity. Both types have:
///
/// - `TABLE`, the name;
/// - `COLUMNS` and `inserted()`: all columns, and a row's values of them;
/// - `CHANGING` and `changed()`: the key and the columns that change, and a row's values of them;
/// - `KEYS`, how many of the first columns are the key.
#[macro_export]
macro_rules! table {
    (
        $(#[$attribute:meta])*
        entity $table:tt
        key { $($key:ident: $key_type:ty,)+ }
        fixed { $($(#[$fixed_doc:meta])* $fixed_vis:vis $fixed:ident: $fixed_type:ty,)* }
        changing { $($(#[$changing_doc:meta])* $changing_vis:vis $changing:ident: $changing_type:ty,)* }
        unread { $($unread:ident: $unread_type:ty,)* }
    ) => {
        #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
        #[sea_orm(table_name = $table)]
        $(#[$attribute])*
        pub struct Model {
            #[sea_orm(primary_key, auto_increment = false)]
            tenant: String,
            $(#[sea_orm(primary_key, auto_increment = false)]
            $key: $key_type,)+
            $($(#[$fixed_doc])* $fixed_vis $fixed: $fixed_type,)*
            $($(#[$changing_doc])* $changing_vis $changing: $changing_type,)*
            $(#[sea_orm(ignore)]
            $unread: $unread_type,)*
        }

        $crate::table!(@columns Model $table; $($key: $key_type,)+; $($fixed: $fixed_type,)* $($unread: $unread_type,)*; $($changing: $changing_type,)*);
    };
    (
        $(#[$attribute:meta])*
        row $table:tt
        key { $($key:ident: $key_type:ty,)+ }
        fixed { $($fixed:ident: $fixed_type:ty,)* }
        changing { $($changing:ident: $changing_type:ty,)* }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone)]
        pub(crate) struct Row {
            tenant: String,
            $($key: $key_type,)+
            $($fixed: $fixed_type,)*
            $($changing: $changing_type,)*
        }

        $crate::table!(@columns Row $table; $($key: $key_type,)+; $($fixed: $fixed_type,)*; $($changing: $changing_type,)*);
    };
    (@columns $row:ident $table:tt; $($key:ident: $key_type:ty,)+; $($fixed:ident: $fixed_type:ty,)*; $($changing:ident: $changing_type:ty,)*) => {
        #[allow(dead_code, reason = "a table whose rows never change is not updated")]
        impl $row {
            pub(crate) const TABLE: &'static str = $table;
            pub(crate) const KEYS: usize = 1 + [$(stringify!($key)),+].len();
            pub(crate) const WIDTH: usize = 1 + [$(stringify!($key),)+ $(stringify!($fixed),)* $(stringify!($changing),)*].len();
            pub(crate) const CHANGES: usize = 1 + [$(stringify!($key),)+ $(stringify!($changing),)*].len();
            pub(crate) const COLUMNS: [$crate::rows::Column; Self::WIDTH] = [
                ("tenant", $crate::rows::Kind::Tenant),
                $((stringify!($key), <$key_type as $crate::table::Cell>::KIND),)+
                $((stringify!($fixed), <$fixed_type as $crate::table::Cell>::KIND),)*
                $((stringify!($changing), <$changing_type as $crate::table::Cell>::KIND),)*
            ];
            pub(crate) const CHANGING: [$crate::rows::Column; Self::CHANGES] = [
                ("tenant", $crate::rows::Kind::Tenant),
                $((stringify!($key), <$key_type as $crate::table::Cell>::KIND),)+
                $((stringify!($changing), <$changing_type as $crate::table::Cell>::KIND),)*
            ];

            pub(crate) fn inserted(self) -> [sea_orm::Value; Self::WIDTH] {
                [self.tenant.into(), $(self.$key.into(),)+ $(self.$fixed.into(),)* $(self.$changing.into(),)*]
            }

            pub(crate) fn changed(self) -> [sea_orm::Value; Self::CHANGES] {
                [self.tenant.into(), $(self.$key.into(),)+ $(self.$changing.into(),)*]
            }
        }
    };
}
