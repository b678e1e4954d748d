//! Messages in a stream of bytes. gRPC's frames and Connect's envelopes look alike: a byte of
//! flags, the length in four bytes, the message.

use bytes::{Buf, BufMut, Bytes, BytesMut};

const HEAD: usize = 5;

/// The flag of the last envelope of a stream of the Connect protocol.
pub(super) const END: u8 = 2;

/// A message with its flags.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    pub flags: u8,
    pub message: Bytes,
}

impl Envelope {
    /// A message in an envelope.
    pub(super) fn wrap(flags: u8, message: &[u8]) -> Bytes {
        let mut bytes = BytesMut::with_capacity(message.len().saturating_add(HEAD));
        bytes.put_u8(flags);
        // Messages are far below 4 GiB: what comes in is bounded, and so is what services answer.
        bytes.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
        bytes.put_slice(message);
        bytes.freeze()
    }
}

/// Bytes of a stream, cut into envelopes.
#[derive(Debug, Default)]
pub(super) struct Envelopes {
    bytes: BytesMut,
}

/// A message is longer than may be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Envelopes {
    /// Adds bytes that arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole envelope, or nothing while it has not arrived.
    pub(super) fn next(&mut self, most: usize) -> Result<Option<Envelope>, TooLong> {
        let mut head = self.bytes.as_ref();
        if head.len() < HEAD {
            return Ok(None);
        }
        let flags = head.get_u8();
        let length = usize::try_from(head.get_u32()).unwrap_or(usize::MAX);
        if length > most {
            return Err(TooLong);
        }
        if head.len() < length {
            return Ok(None);
        }
        self.bytes.advance(HEAD);
        Ok(Some(Envelope { flags, message: self.bytes.split_to(length).freeze() }))
    }

    /// The flags of the next envelope, which is not whole yet.
    pub(super) fn flags(&self) -> Option<u8> {
        self.bytes.first().copied()
    }

    /// Whether nothing is left over.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Envelope, Envelopes, TooLong};
    use bytes::Bytes;

    #[test]
    fn envelopes_are_found_however_the_bytes_are_cut() {
        let stream =
            [Envelope::wrap(0, b"one"), Envelope::wrap(2, b""), Envelope::wrap(0, b"three")]
                .concat();
        for size in 1..=stream.len() {
            let (mut envelopes, mut found) = (Envelopes::default(), Vec::new());
            for piece in stream.chunks(size) {
                envelopes.push(piece);
                while let Some(envelope) = envelopes.next(5).unwrap() {
                    found.push((envelope.flags, envelope.message));
                }
            }
            assert!(envelopes.is_empty());
            assert_eq!(
                found,
                [
                    (0, Bytes::from_static(b"one")),
                    (2, Bytes::new()),
                    (0, Bytes::from_static(b"three"))
                ],
                "{size}"
            );
        }
        let mut envelopes = Envelopes::default();
        envelopes.push(&Envelope::wrap(0, b"longer"));
        assert_eq!(envelopes.next(5), Err(TooLong));
    }
}
