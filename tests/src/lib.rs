//! Black-box flows of the suite; see `flows/`.
