//! The streams of one column and, below it, of its children.

use std::fmt::Debug;

use arrow_array::cast::AsArray;
use arrow_array::types::{ByteArrayType, ByteViewType, Int16Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, GenericByteArray, GenericByteViewArray, GenericListArray,
    GenericListViewArray, OffsetSizeTrait, RunArray, StructArray, UInt64Array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{DataType, Field};
use twox_hash::XxHash3_128;

/// Appends the name and type of a field in a form that does not change with the version of Arrow's own texts.
pub(super) fn write_field(text: &mut Vec<u8>, field: &Field) {
    text.extend_from_slice(&(field.name().len() as u64).to_le_bytes());
    text.extend_from_slice(field.name().as_bytes());
    write_type(text, field.data_type());
}

fn write_type(text: &mut Vec<u8>, data_type: &DataType) {
    let mut group = |name: &str, fields: &[&Field]| {
        text.extend_from_slice(name.as_bytes());
        text.push(b'<');
        fields.iter().for_each(|field| write_field(text, field));
        text.push(b'>');
    };
    match data_type {
        DataType::List(field) => group("list", &[field]),
        DataType::LargeList(field) => group("large_list", &[field]),
        DataType::ListView(field) => group("list_view", &[field]),
        DataType::LargeListView(field) => group("large_list_view", &[field]),
        DataType::FixedSizeList(field, size) => {
            group(&format!("fixed_size_list[{size}]"), &[field])
        }
        DataType::Map(field, _) => group("map", &[field]),
        DataType::Struct(fields) => {
            group("struct", &fields.iter().map(|field| &**field).collect::<Vec<_>>());
        }
        DataType::Dictionary(_, values) => write_type(text, values),
        DataType::RunEndEncoded(_, values) => write_type(text, values.data_type()),
        flat => text.extend_from_slice(format!("{flat:?}").as_bytes()),
    }
}

/// Bits hashed as 64-bit words, however they are cut into calls.
#[derive(Default)]
struct BitStream {
    hasher: XxHash3_128,
    word: u64,
    bits: usize,
}

impl BitStream {
    fn push_word(&mut self, value: u64, length: usize) {
        debug_assert!(length <= 64 && (length == 64 || value >> length == 0), "clean words");
        if length == 0 {
            return;
        }
        self.word |= value << self.bits;
        let room = 64 - self.bits;
        if length < room {
            self.bits += length;
            return;
        }
        self.hasher.write(&self.word.to_le_bytes());
        self.word = if room == 64 { 0 } else { value >> room };
        self.bits = length - room;
    }

    fn push(&mut self, bits: &BooleanBuffer) {
        let chunks = bits.bit_chunks();
        chunks.iter().for_each(|word| self.push_word(word, 64));
        self.push_word(chunks.remainder_bits(), bits.len() % 64);
    }

    fn push_ones(&mut self, mut length: usize) {
        // Whole words follow one another as bytes.
        const ONES: [u8; 1024] = [u8::MAX; 1024];
        while self.bits == 0 && length >= 64 {
            let bytes = (length / 64 * 8).min(ONES.len());
            self.hasher.write(&ONES[..bytes]);
            length -= bytes * 8;
        }
        while length >= 64 {
            self.push_word(u64::MAX, 64);
            length -= 64;
        }
        self.push_word((1_u64 << length) - 1, length);
    }

    fn finish(mut self) -> u128 {
        self.hasher.write(&self.word.to_le_bytes());
        self.hasher.finish_128()
    }
}

/// Streams of one level of a column.
pub(super) struct ColumnDigest {
    validity: BitStream,
    /// Booleans.
    bits: BitStream,
    /// Lengths of strings and lists.
    lengths: XxHash3_128,
    /// Bytes of fixed-width values, strings, binaries.
    values: XxHash3_128,
    children: Vec<ColumnDigest>,
    scratch: Vec<u8>,
}

impl Debug for ColumnDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ColumnDigest").field("children", &self.children).finish_non_exhaustive()
    }
}

impl ColumnDigest {
    pub(super) fn new(data_type: &DataType) -> Self {
        let children: Vec<&DataType> = match data_type {
            DataType::List(field)
            | DataType::LargeList(field)
            | DataType::ListView(field)
            | DataType::LargeListView(field)
            | DataType::FixedSizeList(field, _)
            | DataType::Map(field, _) => vec![field.data_type()],
            DataType::Struct(fields) => fields.iter().map(|field| field.data_type()).collect(),
            DataType::Dictionary(_, values) => return Self::new(values),
            DataType::RunEndEncoded(_, values) => return Self::new(values.data_type()),
            _ => Vec::new(),
        };
        Self {
            validity: BitStream::default(),
            bits: BitStream::default(),
            lengths: XxHash3_128::new(),
            values: XxHash3_128::new(),
            children: children.into_iter().map(Self::new).collect(),
            scratch: Vec::new(),
        }
    }

    pub(super) fn finish(self, into: &mut XxHash3_128) {
        for digest in [
            self.validity.finish(),
            self.bits.finish(),
            self.lengths.finish_128(),
            self.values.finish_128(),
        ] {
            into.write(&digest.to_le_bytes());
        }
        self.children.into_iter().for_each(|child| child.finish(into));
    }

    pub(super) fn update(&mut self, array: &ArrayRef) {
        self.update_under(array, None);
    }

    /// Adds `array`, of which only the rows valid in `parent` count as values.
    fn update_under(&mut self, array: &ArrayRef, parent: Option<&NullBuffer>) {
        if array.is_empty() {
            return;
        }
        if let Some(expanded) = expand(array) {
            return self.update_under(&expanded, parent);
        }
        let nulls = NullBuffer::union(array.logical_nulls().as_ref(), parent);
        let nulls = nulls.as_ref().filter(|nulls| nulls.null_count() > 0);
        match nulls {
            Some(nulls) => self.validity.push(nulls.inner()),
            None => self.validity.push_ones(array.len()),
        }
        match array.data_type() {
            DataType::Null => {}
            DataType::Boolean => self.booleans(array.as_boolean(), nulls),
            DataType::Utf8 => self.byte_strings(array.as_string::<i32>(), nulls),
            DataType::LargeUtf8 => self.byte_strings(array.as_string::<i64>(), nulls),
            DataType::Binary => self.byte_strings(array.as_binary::<i32>(), nulls),
            DataType::LargeBinary => self.byte_strings(array.as_binary::<i64>(), nulls),
            DataType::Utf8View => self.views(array.as_string_view(), nulls),
            DataType::BinaryView => self.views(array.as_binary_view(), nulls),
            DataType::List(_) => self.list(array.as_list::<i32>(), nulls),
            DataType::LargeList(_) => self.list(array.as_list::<i64>(), nulls),
            DataType::ListView(_) => self.list_view(array.as_list_view::<i32>(), nulls),
            DataType::LargeListView(_) => self.list_view(array.as_list_view::<i64>(), nulls),
            DataType::Map(_, _) => {
                let map = array.as_map();
                let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
                self.ranges(&entries, map.offsets(), nulls);
            }
            DataType::FixedSizeList(_, size) => {
                let list = array.as_fixed_size_list();
                let size = usize::try_from(*size).expect("Arrow arrays have no negative list size");
                // The values of a sliced list are sliced with it.
                let values = list.values();
                for_valid_runs(array.len(), nulls, |start, end| {
                    let child = values.slice(start * size, (end - start) * size);
                    self.children[0].update(&child);
                });
            }
            DataType::Struct(_) => self.structure(array.as_struct(), nulls),
            _ => self.fixed_width(array, nulls),
        }
    }

    fn booleans(&mut self, array: &BooleanArray, nulls: Option<&NullBuffer>) {
        match nulls {
            Some(nulls) => self.bits.push(&(array.values() & nulls.inner())),
            None => self.bits.push(array.values()),
        }
    }

    fn fixed_width(&mut self, array: &ArrayRef, nulls: Option<&NullBuffer>) {
        let data = array.to_data();
        let width = match data.data_type() {
            DataType::FixedSizeBinary(width) => {
                usize::try_from(*width).expect("Arrow arrays have no negative width")
            }
            flat => flat.primitive_width().expect("every other type is handled by its own arm"),
        };
        let start = data.offset() * width;
        let bytes = &data.buffers()[0].as_slice()[start..start + data.len() * width];
        let Some(nulls) = nulls else {
            return self.values.write(bytes);
        };
        // In blocks that stay in the first-level cache.
        const BLOCK_ROWS: usize = 1024;
        for (block, values) in bytes.chunks(BLOCK_ROWS * width.max(1)).enumerate() {
            self.scratch.clear();
            self.scratch.extend_from_slice(values);
            for (row, value) in self.scratch.chunks_exact_mut(width.max(1)).enumerate() {
                if nulls.is_null(block * BLOCK_ROWS + row) {
                    value.fill(0);
                }
            }
            self.values.write(&self.scratch);
        }
    }

    fn byte_strings<T: ByteArrayType>(
        &mut self,
        array: &GenericByteArray<T>,
        nulls: Option<&NullBuffer>,
    ) {
        let offset = |row: usize| {
            let offset: T::Offset = array.value_offsets()[row];
            num(offset)
        };
        self.push_lengths(array.len(), nulls, |row| offset(row + 1) - offset(row));
        for_valid_runs(array.len(), nulls, |start, end| {
            self.values.write(&array.value_data()[offset(start)..offset(end)]);
        });
    }

    fn views<T: ByteViewType + ?Sized>(
        &mut self,
        array: &GenericByteViewArray<T>,
        nulls: Option<&NullBuffer>,
    ) {
        self.push_lengths(array.len(), nulls, |row| {
            let value: &[u8] = array.value(row).as_ref();
            value.len()
        });
        for row in (0..array.len()).filter(|row| nulls.is_none_or(|nulls| nulls.is_valid(*row))) {
            let value: &[u8] = array.value(row).as_ref();
            self.values.write(value);
        }
    }

    fn list<O: OffsetSizeTrait>(
        &mut self,
        array: &GenericListArray<O>,
        nulls: Option<&NullBuffer>,
    ) {
        self.ranges(array.values(), array.value_offsets(), nulls);
    }

    fn ranges<O: OffsetSizeTrait>(
        &mut self,
        values: &ArrayRef,
        offsets: &[O],
        nulls: Option<&NullBuffer>,
    ) {
        let rows = offsets.len() - 1;
        self.push_lengths(rows, nulls, |row| num(offsets[row + 1]) - num(offsets[row]));
        for_valid_runs(rows, nulls, |start, end| {
            let (start, end) = (num(offsets[start]), num(offsets[end]));
            self.children[0].update(&values.slice(start, end - start));
        });
    }

    fn list_view<O: OffsetSizeTrait>(
        &mut self,
        array: &GenericListViewArray<O>,
        nulls: Option<&NullBuffer>,
    ) {
        self.push_lengths(array.len(), nulls, |row| num(array.value_sizes()[row]));
        for row in (0..array.len()).filter(|row| nulls.is_none_or(|nulls| nulls.is_valid(*row))) {
            self.children[0].update(&array.value(row));
        }
    }

    fn structure(&mut self, array: &StructArray, nulls: Option<&NullBuffer>) {
        for (child, column) in self.children.iter_mut().zip(array.columns()) {
            child.update_under(column, nulls);
        }
    }

    fn push_lengths(
        &mut self,
        rows: usize,
        nulls: Option<&NullBuffer>,
        length: impl Fn(usize) -> usize,
    ) {
        const BLOCK_ROWS: usize = 512;
        for start in (0..rows).step_by(BLOCK_ROWS) {
            self.scratch.clear();
            for row in start..rows.min(start + BLOCK_ROWS) {
                let is_valid = nulls.is_none_or(|nulls| nulls.is_valid(row));
                let length = if is_valid { length(row) as u64 } else { 0 };
                self.scratch.extend_from_slice(&length.to_le_bytes());
            }
            self.lengths.write(&self.scratch);
        }
    }
}

fn num<O: OffsetSizeTrait>(offset: O) -> usize {
    offset.as_usize()
}

/// Calls `run` with each longest range of valid rows.
fn for_valid_runs(rows: usize, nulls: Option<&NullBuffer>, mut run: impl FnMut(usize, usize)) {
    match nulls {
        Some(nulls) => nulls.valid_slices().for_each(|(start, end)| run(start, end)),
        None => run(0, rows),
    }
}

/// Dictionaries and runs, as the plain array they stand for.
fn expand(array: &ArrayRef) -> Option<ArrayRef> {
    match array.data_type() {
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let taken = arrow_select::take::take(dictionary.values(), dictionary.keys(), None);
            Some(taken.expect("keys of an Arrow dictionary lie within it"))
        }
        DataType::RunEndEncoded(ends, _) => Some(match ends.data_type() {
            DataType::Int16 => expand_runs(array.as_any().downcast_ref::<RunArray<Int16Type>>()),
            DataType::Int32 => expand_runs(array.as_any().downcast_ref::<RunArray<Int32Type>>()),
            _ => expand_runs(array.as_any().downcast_ref::<RunArray<Int64Type>>()),
        }),
        _ => None,
    }
}

fn expand_runs<R: arrow_array::types::RunEndIndexType>(array: Option<&RunArray<R>>) -> ArrayRef {
    let array = array.expect("the type of its run ends was looked at");
    let rows: UInt64Array =
        (0..array.len()).map(|row| array.get_physical_index(row) as u64).collect();
    let taken = arrow_select::take::take(array.values(), &rows, None);
    taken.expect("physical indices of a run array lie within it")
}
