//! The contract: messages, clients and servers made from the protos, the descriptor set that
//! reflection serves, who may call what, and which service calls or hears which.
#![allow(
    missing_docs,
    clippy::pedantic,
    clippy::doc_markdown,
    reason = "the documentation stands in the protos"
)]

/// The descriptors of all packages, comments included.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
/// The same without comments, which take several times as much memory once they are decoded as all
/// the rest.
pub const DESCRIPTOR_SET_WITHOUT_COMMENTS: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptors_without_comments.bin"));
/// The access table: RPC × role.
pub const ACCESS_TABLE: &str = include_str!("../access.toml");
/// Which service calls and hears which.
pub const TOPOLOGY: &str = include_str!("../topology.toml");

/// What a method is asked.
pub trait RequestMessage {
    /// Takes the field `validate_only` off the request, which is then the one that would be done.
    /// `false` where there is no such field.
    fn take_validate_only(&mut self) -> bool;
}

include!(concat!(env!("OUT_DIR"), "/requests.rs"));

pub mod reasons;

pub mod google {
    pub mod r#type {
        include!(concat!(env!("OUT_DIR"), "/google.r#type.rs"));
    }
}

pub mod payterms {
    pub mod common {
        pub mod peers {
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/payterms.common.peers.v1.rs"));
            }
        }

        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/payterms.common.v1.rs"));
        }
    }

    pub mod credit {
        pub mod peers {
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/payterms.credit.peers.v1.rs"));
            }
        }

        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/payterms.credit.v1.rs"));
        }
    }

    pub mod gateway {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/payterms.gateway.v1.rs"));
        }
    }

    pub mod invoicing {
        pub mod peers {
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/payterms.invoicing.peers.v1.rs"));
            }
        }

        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/payterms.invoicing.v1.rs"));
        }
    }

    pub mod plans {
        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/payterms.plans.v1.rs"));
        }
    }

    pub mod wallet {
        pub mod peers {
            pub mod v1 {
                include!(concat!(env!("OUT_DIR"), "/payterms.wallet.peers.v1.rs"));
            }
        }

        pub mod v1 {
            include!(concat!(env!("OUT_DIR"), "/payterms.wallet.v1.rs"));
        }
    }
}

pub use payterms::{common, credit, gateway, invoicing, plans, wallet};
