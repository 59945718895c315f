//! Thrift's compact protocol, written: as much of it as page headers and footers need. It shares no code with
//! `ringquet-decode`, which is tested with these bytes.

/// Kinds of values in field and list headers.
pub(crate) const I32: u8 = 5;
pub(crate) const I64: u8 = 6;
pub(crate) const BINARY: u8 = 8;
pub(crate) const LIST: u8 = 9;
pub(crate) const STRUCT: u8 = 12;

/// A struct that is being written: its bytes, and the id of its last field.
#[derive(Debug, Default)]
pub(crate) struct Struct {
    bytes: Vec<u8>,
    last: u8,
}

impl Struct {
    fn header(&mut self, id: u8, kind: u8) {
        let delta = id - self.last;
        assert!((1..16).contains(&delta), "fields are written in order, with small gaps");
        self.bytes.push((delta << 4) | kind);
        self.last = id;
    }

    pub(crate) fn i32(mut self, id: u8, value: i32) -> Self {
        self.header(id, I32);
        zigzag(&mut self.bytes, i64::from(value));
        self
    }

    pub(crate) fn i64(mut self, id: u8, value: u64) -> Self {
        self.header(id, I64);
        zigzag(&mut self.bytes, value.cast_signed());
        self
    }

    pub(crate) fn bool(mut self, id: u8, value: bool) -> Self {
        self.header(id, if value { 1 } else { 2 });
        self
    }

    pub(crate) fn binary(mut self, id: u8, value: &[u8]) -> Self {
        self.header(id, BINARY);
        self.bytes.extend(binary(value));
        self
    }

    /// A struct that is finished.
    pub(crate) fn field(mut self, id: u8, value: &[u8]) -> Self {
        self.header(id, STRUCT);
        self.bytes.extend_from_slice(value);
        self
    }

    /// A list of elements that are written already.
    pub(crate) fn list(mut self, id: u8, kind: u8, elements: &[Vec<u8>]) -> Self {
        self.header(id, LIST);
        assert!(elements.len() < 15, "short lists only");
        self.bytes.push((elements.len() as u8) << 4 | kind);
        elements.iter().for_each(|element| self.bytes.extend_from_slice(element));
        self
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

/// A binary as an element of a list.
pub(crate) fn binary(value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len() + 2);
    varint(&mut bytes, value.len() as u64);
    bytes.extend_from_slice(value);
    bytes
}

/// An `i32` as an element of a list.
pub(crate) fn number(value: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    zigzag(&mut bytes, i64::from(value));
    bytes
}

fn zigzag(bytes: &mut Vec<u8>, value: i64) {
    varint(bytes, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

pub(crate) fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
