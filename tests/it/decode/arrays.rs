//! Columns of every type, with nulls as wanted, the same for the same seed.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, FixedSizeBinaryBuilder, FixedSizeListBuilder, LargeListBuilder, ListBuilder,
    MapBuilder, PrimitiveBuilder, StringBuilder,
};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type,
    Decimal256Type, DurationMicrosecondType, Float16Type, Float32Type, Float64Type, Int8Type,
    Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, BinaryArray, BinaryViewArray, BooleanArray, LargeBinaryArray, LargeStringArray,
    PrimitiveArray, StringArray, StringViewArray, StructArray,
};
use arrow_buffer::{NullBuffer, i256};
use arrow_schema::{DataType, Field};

/// How many nulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nulls {
    /// The column is required.
    Required,
    /// It could have nulls and has none.
    None,
    Few,
    Half,
    All,
}

pub(super) const NULLS: [Nulls; 5] =
    [Nulls::Required, Nulls::None, Nulls::Few, Nulls::Half, Nulls::All];

/// How values repeat, which is what decides about dictionaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeats {
    /// All different.
    Never,
    /// Mostly different, now and then one again.
    Seldom,
    /// A handful of values in long runs and short ones.
    Often,
}

/// A small generator of numbers, so that a seed is all there is to a test file.
#[derive(Debug, Clone)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1)
    }

    pub(super) fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 33) % bound
    }
}

/// What a column is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe {
    pub(super) rows: usize,
    pub(super) nulls: Nulls,
    pub(super) repeats: Repeats,
    pub(super) seed: u64,
}

impl Recipe {
    pub(super) fn nullable(&self) -> bool {
        self.nulls != Nulls::Required
    }

    /// One number per row, from which values of all types are made.
    pub(super) fn numbers(&self) -> Vec<Option<u64>> {
        let mut random = Random::new(self.seed);
        let mut last = 0;
        (0..self.rows as u64)
            .map(|row| {
                let value = match self.repeats {
                    Repeats::Never => row.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.seed,
                    Repeats::Seldom if random.below(61) == 0 => last,
                    Repeats::Seldom => row.wrapping_mul(0x2545_f491_4f6c_dd1d),
                    Repeats::Often if random.below(3) == 0 => random.below(11) * 0x0101_0101_0101,
                    Repeats::Often => last,
                };
                last = value;
                let is_null = match self.nulls {
                    Nulls::Required | Nulls::None => false,
                    Nulls::Few => random.below(40) == 0,
                    Nulls::Half => random.below(2) == 0,
                    Nulls::All => true,
                };
                (!is_null).then_some(value)
            })
            .collect()
    }

    fn primitive<T: ArrowPrimitiveType>(
        &self,
        value: impl Fn(u64) -> T::Native,
    ) -> PrimitiveArray<T> {
        self.numbers().into_iter().map(|number| number.map(&value)).collect()
    }

    fn texts(&self) -> impl Iterator<Item = Option<String>> {
        self.numbers().into_iter().map(|number| {
            number.map(|number| match number % 7 {
                0 => String::new(),
                1 => format!("ein längerer Text, Nummer {number}, mit ü und ß"),
                _ => format!("text {}", number % 100_003),
            })
        })
    }

    /// Lengths of lists; `None` is a null list.
    fn list_lengths(&self, max: u64) -> Vec<Option<usize>> {
        let mut random = Random::new(self.seed ^ 77);
        let length = |random: &mut Random| usize::try_from(random.below(max)).unwrap();
        let numbers = self.numbers().into_iter();
        numbers.map(|number| number.map(|_| length(&mut random))).collect()
    }
}

/// Float bits with infinities, zeros of both signs and several NaNs among them.
fn float_bits(number: u64) -> u64 {
    match number % 97 {
        0 => f64::NAN.to_bits(),
        1 => f64::NAN.to_bits() | 0x8000_0000_0000_1234,
        2 => (-0.0_f64).to_bits(),
        3 => f64::NEG_INFINITY.to_bits(),
        _ => number,
    }
}

fn fields<T: ArrowPrimitiveType>(recipe: &Recipe, value: impl Fn(u64) -> T::Native) -> ArrayRef {
    Arc::new(recipe.primitive::<T>(value))
}

/// One column of every flat type.
#[expect(
    clippy::cast_possible_truncation,
    reason = "numbers are cut to the width of their type on purpose"
)]
pub(super) fn flat(recipe: Recipe) -> Vec<(&'static str, ArrayRef)> {
    let r = &recipe;
    let day = 86_400_000_i64;
    let decimal = |number: u64| i128::from(number as i64 % 1_000_000_000);
    vec![
        (
            "bool",
            Arc::new(
                r.numbers().into_iter().map(|n| n.map(|n| n % 3 == 0)).collect::<BooleanArray>(),
            ),
        ),
        ("int8", fields::<Int8Type>(r, |n| n as i8)),
        ("int16", fields::<Int16Type>(r, |n| n as i16)),
        ("int32", fields::<Int32Type>(r, |n| n as i32)),
        ("int64", fields::<Int64Type>(r, |n| n as i64)),
        ("uint8", fields::<UInt8Type>(r, |n| n as u8)),
        ("uint16", fields::<UInt16Type>(r, |n| n as u16)),
        ("uint32", fields::<UInt32Type>(r, |n| n as u32)),
        ("uint64", fields::<UInt64Type>(r, |n| n)),
        (
            "float16",
            fields::<Float16Type>(r, |n| {
                <Float16Type as ArrowPrimitiveType>::Native::from_bits(n as u16)
            }),
        ),
        ("float32", fields::<Float32Type>(r, |n| f32::from_bits(float_bits(n) as u32))),
        ("float64", fields::<Float64Type>(r, |n| f64::from_bits(float_bits(n)))),
        ("date32", fields::<Date32Type>(r, |n| n as i32 % 100_000)),
        ("date64", fields::<Date64Type>(r, move |n| (n as i64 % 20_000) * day)),
        ("time32_s", fields::<Time32SecondType>(r, |n| (n % 86_400) as i32)),
        ("time32_ms", fields::<Time32MillisecondType>(r, |n| (n % 86_400_000) as i32)),
        ("time64_us", fields::<Time64MicrosecondType>(r, |n| (n % 86_400_000_000) as i64)),
        ("time64_ns", fields::<Time64NanosecondType>(r, |n| (n % 86_400_000_000_000) as i64)),
        ("timestamp_s", fields::<TimestampSecondType>(r, |n| n as i64 % 4_000_000_000)),
        ("timestamp_ms", fields::<TimestampMillisecondType>(r, |n| n as i64 >> 20)),
        ("timestamp_us", fields::<TimestampMicrosecondType>(r, |n| n as i64 >> 4)),
        (
            "timestamp_ns",
            Arc::new(r.primitive::<TimestampNanosecondType>(|n| n as i64).with_timezone("UTC")),
        ),
        ("duration_us", fields::<DurationMicrosecondType>(r, |n| n as i64)),
        (
            "decimal32",
            Arc::new(
                r.primitive::<Decimal32Type>(|n| decimal(n) as i32 % 1_000_000)
                    .with_precision_and_scale(6, 2)
                    .unwrap(),
            ),
        ),
        (
            "decimal64",
            Arc::new(
                r.primitive::<Decimal64Type>(|n| decimal(n) as i64)
                    .with_precision_and_scale(15, 3)
                    .unwrap(),
            ),
        ),
        (
            "decimal128_int32",
            Arc::new(
                r.primitive::<Decimal128Type>(|n| decimal(n) % 1_000_000)
                    .with_precision_and_scale(7, 2)
                    .unwrap(),
            ),
        ),
        (
            "decimal128_int64",
            Arc::new(
                r.primitive::<Decimal128Type>(decimal).with_precision_and_scale(16, 0).unwrap(),
            ),
        ),
        (
            "decimal128",
            Arc::new(
                r.primitive::<Decimal128Type>(|n| decimal(n) << 40)
                    .with_precision_and_scale(33, 9)
                    .unwrap(),
            ),
        ),
        (
            "decimal256",
            Arc::new(
                r.primitive::<Decimal256Type>(|n| i256::from_i128(decimal(n) << 60))
                    .with_precision_and_scale(50, 4)
                    .unwrap(),
            ),
        ),
        ("utf8", Arc::new(r.texts().collect::<StringArray>())),
        ("large_utf8", Arc::new(r.texts().collect::<LargeStringArray>())),
        ("utf8_view", Arc::new(r.texts().collect::<StringViewArray>())),
        ("binary", Arc::new(r.texts().map(|t| t.map(String::into_bytes)).collect::<BinaryArray>())),
        (
            "large_binary",
            Arc::new(r.texts().map(|t| t.map(String::into_bytes)).collect::<LargeBinaryArray>()),
        ),
        (
            "binary_view",
            Arc::new(r.texts().map(|t| t.map(String::into_bytes)).collect::<BinaryViewArray>()),
        ),
        ("fixed_binary_5", {
            let mut builder = FixedSizeBinaryBuilder::new(5);
            for number in r.numbers() {
                match number {
                    Some(number) => builder.append_value(&number.to_le_bytes()[..5]).unwrap(),
                    None => builder.append_null(),
                }
            }
            Arc::new(builder.finish())
        }),
    ]
}

/// Fills a builder of lists of numbers.
macro_rules! lists {
    ($recipe:expr, $type:ty, $builder:ident, $max:expr, $element_nulls:expr, $value:expr) => {{
        let recipe: &Recipe = $recipe;
        let mut builder = $builder::new(PrimitiveBuilder::<$type>::new());
        let mut random = Random::new(recipe.seed ^ 5);
        for length in recipe.list_lengths($max) {
            for _ in 0..length.unwrap_or(0) {
                let number = random.next();
                let is_null = $element_nulls && number.is_multiple_of(5);
                builder.values().append_option((!is_null).then(|| $value(number >> 8)));
            }
            builder.append(length.is_some());
        }
        Arc::new(builder.finish())
    }};
}

/// Fixed-size lists of numbers.
fn fixed_lists<T: ArrowPrimitiveType>(
    recipe: &Recipe,
    size: i32,
    element_nulls: bool,
    value: impl Fn(u64) -> T::Native,
) -> ArrayRef {
    let mut builder = FixedSizeListBuilder::new(PrimitiveBuilder::<T>::new(), size);
    let mut random = Random::new(recipe.seed ^ 9);
    for number in recipe.numbers() {
        for _ in 0..size {
            let number = random.next();
            let is_null = element_nulls && number.is_multiple_of(5);
            builder.values().append_option((!is_null).then(|| value(number >> 8)));
        }
        builder.append(number.is_some());
    }
    Arc::new(builder.finish())
}

/// Lists one level deep.
#[expect(
    clippy::cast_possible_truncation,
    reason = "numbers are cut to the width of their type on purpose"
)]
pub(super) fn lists(recipe: Recipe) -> Vec<(&'static str, ArrayRef)> {
    let r = &recipe;
    let texts = |nulls: bool| -> ArrayRef {
        let mut builder = ListBuilder::new(StringBuilder::new());
        let mut random = Random::new(r.seed ^ 3);
        for length in r.list_lengths(4) {
            for _ in 0..length.unwrap_or(0) {
                let number = random.below(50);
                let text =
                    (!nulls || !number.is_multiple_of(5)).then(|| format!("element {number}"));
                builder.values().append_option(text);
            }
            builder.append(length.is_some());
        }
        Arc::new(builder.finish())
    };
    vec![
        ("list_int64", lists!(r, Int64Type, ListBuilder, 6, false, |n| n as i64)),
        ("list_int64_nulls", lists!(r, Int64Type, ListBuilder, 6, true, |n| n as i64)),
        ("list_uint8", lists!(r, UInt8Type, ListBuilder, 40, false, |n| n as u8)),
        (
            "large_list_float32",
            lists!(r, Float32Type, LargeListBuilder, 9, false, |n| (n % 1000) as f32),
        ),
        ("list_utf8", texts(false)),
        ("list_utf8_nulls", texts(true)),
        ("fixed_list_float32", fixed_lists::<Float32Type>(r, 7, false, |n| (n % 1000) as f32)),
        ("fixed_list_float32_nulls", fixed_lists::<Float32Type>(r, 7, true, |n| (n % 1000) as f32)),
        ("fixed_list_uint8", fixed_lists::<UInt8Type>(r, 64, false, |n| n as u8)),
        ("fixed_list_int64_one", fixed_lists::<Int64Type>(r, 1, false, |n| n as i64)),
        (
            "fixed_list_float16",
            fixed_lists::<Float16Type>(r, 3, false, |n| {
                <Float16Type as ArrowPrimitiveType>::Native::from_bits(n as u16)
            }),
        ),
        ("list_bool", {
            let mut builder = ListBuilder::new(arrow_array::builder::BooleanBuilder::new());
            for length in r.list_lengths(5) {
                (0..length.unwrap_or(0)).for_each(|i| builder.values().append_value(i % 2 == 0));
                builder.append(length.is_some());
            }
            Arc::new(builder.finish())
        }),
    ]
}

/// Structs, maps and lists of lists.
pub(super) fn nested(recipe: Recipe) -> Vec<(&'static str, ArrayRef)> {
    let r = &recipe;
    let nulls = r
        .nullable()
        .then(|| NullBuffer::from_iter(r.numbers().into_iter().map(|number| number.is_some())));
    let children = flat(Recipe { seed: r.seed ^ 1, ..recipe });
    let child = |name: &str| {
        let (name, array) = children.iter().find(|(known, _)| *known == name).unwrap();
        (Arc::new(Field::new(*name, array.data_type().clone(), true)), Arc::clone(array))
    };
    let (fields, arrays): (Vec<_>, Vec<_>) =
        ["int32", "utf8", "float64"].into_iter().map(child).unzip();
    let structs = StructArray::new(fields.into(), arrays, nulls);

    let mut maps =
        MapBuilder::new(None, StringBuilder::new(), PrimitiveBuilder::<Int32Type>::new());
    let mut lists = ListBuilder::new(ListBuilder::new(BinaryBuilder::new()));
    for (row, length) in r.list_lengths(4).into_iter().enumerate() {
        for index in 0..length.unwrap_or(0) {
            maps.keys().append_value(format!("key {index}"));
            maps.values().append_option((row % 3 != 0).then_some(7));
            (0..row % 3).for_each(|_| lists.values().values().append_value(b"bytes"));
            lists.values().append(row % 7 != 0);
        }
        maps.append(length.is_some()).unwrap();
        lists.append(length.is_some());
    }
    vec![
        ("struct", Arc::new(structs)),
        ("map", Arc::new(maps.finish())),
        ("list_list_binary", Arc::new(lists.finish())),
    ]
}

/// A field for a column of a recipe.
pub(super) fn field(name: &str, array: &ArrayRef, recipe: &Recipe) -> Field {
    Field::new(name, DataType::clone(array.data_type()), recipe.nullable())
}
