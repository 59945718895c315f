//! INT96 and INTERVAL, whose values have twelve bytes, in every shape of column and page.
//!
//! INTERVAL lost its months, since it was read as days and milliseconds. INT96 timestamps outside of the years 1677 to 2262 came
//! out as others, since nanoseconds in 64 bits do not reach them.

use std::sync::Arc;

use arrow_array::types::IntervalMonthDayNanoType;
use arrow_array::{
    Array, ArrayRef, IntervalDayTimeArray, IntervalMonthDayNanoArray, IntervalYearMonthArray,
    RecordBatch, TimestampMicrosecondArray, TimestampNanosecondArray, cast::AsArray,
};
use arrow_buffer::{IntervalDayTime, IntervalMonthDayNano};
use arrow_schema::{DataType, IntervalUnit, TimeUnit};
use parquet::file::properties::WriterProperties;
use ringquet_decode::{Int96, Projection};

use super::by_hand::{
    Chunk, Element, File, HOWS, How, OPTIONAL, REPEATED, REQUIRED, encoding, group, indices,
    int32s, leaf, physical,
};
use super::support::{check, open, read_every_way, refusals, write};

const INTERVAL: i32 = 21;
const JULIAN_EPOCH: u32 = 2_440_588;
const NANOSECONDS_PER_DAY: i64 = 86_400_000_000_000;

fn interval(months: u32, days: u32, milliseconds: u32) -> Vec<u8> {
    [months, days, milliseconds].iter().flat_map(|part| part.to_le_bytes()).collect()
}

fn int96(day: u32, nanoseconds: u64) -> Vec<u8> {
    [&nanoseconds.to_le_bytes()[..], &day.to_le_bytes()].concat()
}

/// Where a leaf lies. Each shape has seven rows, of which some have no value, and the values that there are in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Required,
    Optional,
    InStruct,
    InList,
    InOldList,
    InListOfLists,
    MapValue,
}

const SHAPES: [Shape; 7] = [
    Shape::Required,
    Shape::Optional,
    Shape::InStruct,
    Shape::InList,
    Shape::InOldList,
    Shape::InListOfLists,
    Shape::MapValue,
];
const ROWS: i64 = 7;

impl Shape {
    /// Schema, highest levels, levels, and the row of each value.
    fn layout(self, leaf: impl Fn(&str, i32) -> Element) -> Layout {
        let (schema, maxima, repetition, definition, rows) = match self {
            Shape::Required => (
                vec![leaf("v", REQUIRED)],
                (0, 0),
                vec![0; 7],
                vec![0; 7],
                vec![0, 1, 2, 3, 4, 5, 6],
            ),
            Shape::Optional => (
                vec![leaf("v", OPTIONAL)],
                (0, 1),
                vec![0; 7],
                vec![1, 0, 1, 1, 0, 0, 1],
                vec![0, 2, 3, 6],
            ),
            Shape::InStruct => (
                vec![group("s", OPTIONAL, 1), leaf("v", OPTIONAL)],
                (0, 2),
                vec![0; 7],
                vec![2, 0, 1, 2, 2, 0, 2],
                vec![0, 3, 4, 6],
            ),
            Shape::InList => (
                vec![
                    group("l", OPTIONAL, 1).list(),
                    group("list", REPEATED, 1),
                    leaf("v", OPTIONAL),
                ],
                (1, 3),
                vec![0, 1, 1, 0, 0, 0, 1, 0, 0, 0],
                vec![3, 2, 3, 0, 1, 3, 3, 2, 3, 0],
                vec![0, 0, 3, 3, 5],
            ),
            Shape::InOldList => (
                vec![group("l", OPTIONAL, 1).list(), leaf("v", REPEATED)],
                (1, 2),
                vec![0, 1, 0, 0, 0, 1, 0, 0, 0],
                vec![2, 2, 0, 1, 2, 2, 2, 2, 0],
                vec![0, 0, 3, 3, 4, 5],
            ),
            Shape::InListOfLists => (
                vec![
                    group("l", OPTIONAL, 1).list(),
                    group("array", REPEATED, 1).list(),
                    leaf("array", REPEATED),
                ],
                (2, 3),
                vec![0, 2, 1, 0, 0, 0, 0, 1, 0, 0],
                vec![3, 3, 2, 0, 1, 3, 3, 3, 2, 0],
                vec![0, 0, 3, 4, 4],
            ),
            Shape::MapValue => (
                vec![
                    group("m", OPTIONAL, 1).map(),
                    group("key_value", REPEATED, 2),
                    super::by_hand::leaf("k", physical::INT32, REQUIRED),
                    leaf("v", OPTIONAL),
                ],
                (1, 3),
                vec![0, 1, 0, 0, 0, 0, 0, 0],
                vec![3, 2, 0, 1, 3, 3, 0, 3],
                vec![0, 3, 4, 6],
            ),
        };
        Layout { shape: self, schema, maxima, repetition, definition, rows }
    }
}

struct Layout {
    shape: Shape,
    schema: Vec<Element>,
    maxima: (i16, i16),
    repetition: Vec<i16>,
    definition: Vec<i16>,
    rows: Vec<usize>,
}

impl Layout {
    /// A file with these values, in two pages or through a dictionary.
    fn file(&self, physical: i32, values: &[Vec<u8>], how: How, dictionary: bool) -> File {
        let (max_repetition, max_definition) = self.maxima;
        let mut chunk = Chunk::new(physical, max_repetition, max_definition, how);
        if dictionary {
            let count = u8::try_from(values.len()).unwrap();
            chunk = chunk.dictionary(i32::from(count), &values.concat());
            let order: Vec<u8> = (0..count).collect();
            let (repetition, definition) = (&self.repetition, &self.definition);
            chunk = chunk.page(repetition, definition, encoding::RLE_DICTIONARY, &indices(&order));
        } else {
            // The second page starts with the third row.
            let rows = self.repetition.iter().enumerate().filter(|(_, level)| **level == 0);
            let cut = rows.map(|(index, _)| index).nth(2).unwrap();
            let first = self.definition[..cut].iter().filter(|level| **level == max_definition);
            let (first, second) = values.split_at(first.count());
            for (levels, values) in [(0..cut, first), (cut..self.repetition.len(), second)] {
                let (repetition, definition) =
                    (&self.repetition[levels.clone()], &self.definition[levels]);
                chunk = chunk.page(repetition, definition, encoding::PLAIN, &values.concat());
            }
        }
        let mut chunks = vec![chunk];
        if self.shape == Shape::MapValue {
            // A key wherever there is an entry.
            let levels: Vec<i16> = self.definition.iter().map(|level| (*level).min(2)).collect();
            let keys: Vec<i32> = levels.iter().filter(|level| **level == 2).map(|_| 5).collect();
            let keys = Chunk::new(physical::INT32, 1, 2, how).page(
                &self.repetition,
                &levels,
                encoding::PLAIN,
                &int32s(&keys),
            );
            chunks.insert(0, keys);
        }
        File::new(self.schema.clone(), ROWS, chunks)
    }
}

/// The innermost array, that of the values.
fn innermost(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Struct(_) => innermost(array.as_struct().column(0)),
        DataType::List(_) => innermost(array.as_list::<i32>().values()),
        DataType::Map(_, _) => innermost(array.as_map().values()),
        _ => Arc::clone(array),
    }
}

/// The values that are not null, in order.
fn present(batch: &RecordBatch) -> ArrayRef {
    let values = innermost(batch.column(0));
    let valid: arrow_array::UInt64Array = (0..values.len() as u64)
        .filter(|i| values.is_valid(usize::try_from(*i).unwrap()))
        .collect();
    arrow_select::take::take(&values, &valid, None).unwrap()
}

/// Calls `run` with every shape, every kind of pages, with and without a dictionary.
fn everywhere(mut run: impl FnMut(Shape, How, bool)) {
    for shape in SHAPES {
        for how in HOWS {
            for dictionary in [false, true] {
                run(shape, how, dictionary);
            }
        }
    }
}

#[test]
fn intervals_keep_their_months() {
    everywhere(|shape, how, dictionary| {
        let what = format!("{shape:?}, {how:?}, dictionary {dictionary}");
        let leaf = |name: &str, repetition| {
            leaf(name, physical::FIXED, repetition).length(12).converted(INTERVAL)
        };
        let layout = shape.layout(leaf);
        let count = u32::try_from(layout.rows.len()).unwrap();
        let values: Vec<Vec<u8>> =
            (0..count).map(|n| interval(n, 2 * n, if n == 0 { u32::MAX } else { n })).collect();
        let file = layout.file(physical::FIXED, &values, how, dictionary).bytes();
        let batch = read_every_way(&file, Int96::Nanoseconds, &what);
        let expect: IntervalMonthDayNanoArray = (0..count)
            .map(|n| {
                let milliseconds = if n == 0 { i64::from(u32::MAX) } else { i64::from(n) };
                let [months, days] = [n, 2 * n].map(|part| i32::try_from(part).unwrap());
                Some(IntervalMonthDayNano::new(months, days, milliseconds * 1_000_000))
            })
            .collect();
        assert_eq!(present(&batch).as_primitive::<IntervalMonthDayNanoType>(), &expect, "{what}");
    });
}

/// Arrow's numbers are signed, the format's are not.
#[test]
fn an_interval_that_arrow_has_no_room_for_is_named() {
    let leaf = |name: &str, repetition| {
        leaf(name, physical::FIXED, repetition).length(12).converted(INTERVAL)
    };
    for shape in SHAPES {
        let layout = shape.layout(leaf);
        let mut values = vec![interval(1, 2, 3); layout.rows.len()];
        *values.last_mut().unwrap() = interval(1 << 31, 0, 0);
        let file = layout.file(physical::FIXED, &values, HOWS[0], false).bytes();
        for refusal in refusals(&file, Int96::Nanoseconds) {
            let row = format!("row {} of the row group: an INTERVAL", layout.rows.last().unwrap());
            assert!(
                refusal.contains(&row) && refusal.contains("row group 0"),
                "{shape:?}: {refusal}"
            );
        }
    }
}

/// A writer that knows Arrow says which of its interval types a column had; that stays.
#[test]
fn intervals_of_arrow_writers_keep_their_type() {
    let days: Vec<Option<IntervalDayTime>> =
        (0..100).map(|n| (n % 7 != 0).then(|| IntervalDayTime::new(n - 50, 1 - n))).collect();
    let months: Vec<Option<i32>> = (0..100).map(|n| (n % 5 != 0).then_some(n - 50)).collect();
    let days: ArrayRef = Arc::new(IntervalDayTimeArray::from(days));
    let months: ArrayRef = Arc::new(IntervalYearMonthArray::from(months));
    let batch = RecordBatch::try_from_iter([("days", days), ("months", months)]).unwrap();
    let file = write(batch.schema(), std::slice::from_ref(&batch), WriterProperties::default());
    check(&file, &Projection::All, &[7, 1000], "intervals of an Arrow writer");
    assert_eq!(read_every_way(&file, Int96::Nanoseconds, "intervals").columns(), batch.columns());
}

#[test]
fn int96_within_the_range_of_nanoseconds() {
    everywhere(|shape, how, dictionary| {
        let what = format!("{shape:?}, {how:?}, dictionary {dictionary}");
        let layout = shape.layout(|name, repetition| leaf(name, physical::INT96, repetition));
        let times: Vec<i64> = (0..layout.rows.len())
            .map(|n| match n {
                0 => i64::MIN,
                1 => i64::MAX,
                n => -5 + i64::try_from(n).unwrap() * 1_234_567_890_123,
            })
            .collect();
        let stored = |time: &i64| {
            let day = i64::from(JULIAN_EPOCH) + time.div_euclid(NANOSECONDS_PER_DAY);
            let of_day = time.rem_euclid(NANOSECONDS_PER_DAY).cast_unsigned();
            int96(u32::try_from(day).unwrap(), of_day)
        };
        let values: Vec<Vec<u8>> = times.iter().map(stored).collect();
        let file = layout.file(physical::INT96, &values, how, dictionary).bytes();
        let batch = read_every_way(&file, Int96::Nanoseconds, &what);
        let expect = TimestampNanosecondArray::from(times.clone());
        assert_eq!(&present(&batch), &(Arc::new(expect) as ArrayRef), "{what}");
        // What is finer than a microsecond is cut off, towards the past.
        let batch = read_every_way(&file, Int96::Microseconds, &what);
        let micros: Vec<i64> = times.iter().map(|time| time.div_euclid(1000)).collect();
        let expect = TimestampMicrosecondArray::from(micros);
        assert_eq!(&present(&batch), &(Arc::new(expect) as ArrayRef), "{what}");
    });
}

#[test]
fn int96_beyond_it_is_named_or_read_as_microseconds() {
    // 9999-12-31 and 0001-01-01 as Julian days, and the first nanosecond that does not fit on either side.
    let beyond = [
        (int96(5_373_484, 7_200_000_000_000), 253_402_221_600_000_000),
        (int96(1_721_426, 0), -62_135_596_800_000_000),
        (int96(2_547_339, 85_636_854_775_808), 9_223_372_036_854_775),
        (int96(2_333_836, 763_145_224_191), -9_223_372_036_854_776),
    ];
    everywhere(|shape, how, dictionary| {
        let layout = shape.layout(|name, repetition| leaf(name, physical::INT96, repetition));
        for (value, micros) in &beyond {
            let what = format!("{shape:?}, {how:?}, dictionary {dictionary}, {micros} µs");
            let mut values = vec![int96(JULIAN_EPOCH, 1000); layout.rows.len()];
            *values.last_mut().unwrap() = value.clone();
            let mut file = layout.file(physical::INT96, &values, how, dictionary);
            // The second row group has it.
            let good = vec![int96(JULIAN_EPOCH, 1000); layout.rows.len()];
            let good = layout.file(physical::INT96, &good, how, dictionary);
            file.row_groups.splice(0..0, good.row_groups);
            let file = file.bytes();
            for refusal in refusals(&file, Int96::Nanoseconds) {
                let path = open(&file, &Projection::All).unwrap().schema().leaf_path(0);
                let row = layout.rows.last().unwrap();
                for part in [
                    format!("column '{path}', row group 1"),
                    format!(
                        "row {row} of the row group: an INT96 timestamp outside of the years 1677"
                    ),
                    "`int96` us".to_owned(),
                ] {
                    assert!(refusal.contains(&part), "{what}: {refusal} without {part}");
                }
            }
            let batch = read_every_way(&file, Int96::Microseconds, &what);
            let values = present(&batch);
            let values = values.as_primitive::<arrow_array::types::TimestampMicrosecondType>();
            assert_eq!(values.values().last(), Some(micros), "{what}");
            assert_eq!(values.values().first(), Some(&1), "{what}");
        }
    });
}

/// Nothing in 64 bits reaches the year 5,800,000.
#[test]
fn int96_beyond_microseconds_is_named() {
    let layout = Shape::Optional.layout(|name, repetition| leaf(name, physical::INT96, repetition));
    let values = vec![int96(u32::MAX, 0); layout.rows.len()];
    let file = layout.file(physical::INT96, &values, HOWS[0], false).bytes();
    for refusal in refusals(&file, Int96::Microseconds) {
        assert!(refusal.contains("row 0 of the row group: an INT96 timestamp"), "{refusal}");
        assert!(!refusal.contains("`int96`"), "{refusal}");
    }
}

/// More rows than a batch or a page, where the fast kernels serve.
#[test]
fn many_rows() {
    const COUNT: usize = 10_000;
    let definition: Vec<i16> = (0..COUNT).map(|n| i16::from(n % 3 != 0)).collect();
    let mut chunk = Chunk::new(physical::INT96, 0, 1, HOWS[3]);
    let mut expect = Vec::new();
    for (page, levels) in definition.chunks(777).enumerate() {
        let first = page * 777;
        let times: Vec<Option<i64>> = levels
            .iter()
            .enumerate()
            .map(|(n, level)| (*level == 1).then(|| i64::try_from(first + n).unwrap() * 1_000_003))
            .collect();
        let values: Vec<u8> = times
            .iter()
            .flatten()
            .flat_map(|time| int96(JULIAN_EPOCH, time.cast_unsigned()))
            .collect();
        chunk = chunk.page(&[], levels, encoding::PLAIN, &values);
        expect.extend(times);
    }
    let schema = vec![leaf("t", physical::INT96, OPTIONAL)];
    let file = File::new(schema, i64::try_from(COUNT).unwrap(), vec![chunk]).bytes();
    let batch = read_every_way(&file, Int96::Nanoseconds, "many rows");
    assert_eq!(batch.column(0).data_type(), &DataType::Timestamp(TimeUnit::Nanosecond, None));
    assert_eq!(batch.column(0).as_primitive(), &TimestampNanosecondArray::from(expect));
}

#[test]
fn types_are_those_of_the_schema() {
    let leaf = |name: &str, repetition| {
        leaf(name, physical::FIXED, repetition).length(12).converted(INTERVAL)
    };
    let layout = Shape::Required.layout(leaf);
    let file = layout.file(physical::FIXED, &vec![interval(0, 0, 0); 7], HOWS[0], false).bytes();
    let footer = open(&file, &Projection::All).unwrap();
    let data_type = footer.projected_schema().field(0).data_type().clone();
    assert_eq!(data_type, DataType::Interval(IntervalUnit::MonthDayNano));
    assert_eq!(
        footer.schema().parquet.column(0).physical_type().to_string(),
        "FIXED_LEN_BYTE_ARRAY"
    );
    let layout = Shape::InList
        .layout(|name, repetition| super::by_hand::leaf(name, physical::INT96, repetition));
    let file = layout.file(physical::INT96, &vec![int96(0, 0); 5], HOWS[0], false).bytes();
    let footer = open(&file, &Projection::All).unwrap();
    assert_eq!(footer.schema().parquet.column(0).physical_type().to_string(), "INT96");
    assert_eq!(footer.schema().leaf_path(0), "l.list.v");
}
