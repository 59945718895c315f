//! Columns whose arrays are not of the Arrow type that is shown: INT96, INTERVAL, and those that are all null by their logical type.
//!
//! Both decoders read them as they are stored, and what a batch holds becomes timestamps, intervals and nulls at the end, wherever
//! in lists, structs and maps the column lies. A value that the Arrow type has no room for is an error of its row.
//!
//! ```text
//! INT96     nanoseconds of the day: u64 LE │ Julian day: u32 LE
//! INTERVAL  months: u32 LE │ days: u32 LE │ milliseconds: u32 LE
//! ```

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, IntervalDayTimeType, IntervalMonthDayNanoType, IntervalYearMonthType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use arrow_array::{
    Array, ArrayRef, FixedSizeBinaryArray, FixedSizeListArray, GenericListArray,
    GenericListViewArray, MapArray, NullArray, OffsetSizeTrait, PrimitiveArray, StructArray,
};
use arrow_buffer::{IntervalDayTime, IntervalMonthDayNano};
use arrow_schema::{DataType, Field, FieldRef, Fields, IntervalUnit, Schema, SchemaRef, TimeUnit};
use serde::Serialize;

use crate::error::Fault;

/// Julian day of 1970-01-01.
const JULIAN_DAY_OF_EPOCH: i64 = 2_440_588;
const NANOSECONDS_PER_DAY: i128 = 86_400_000_000_000;

/// The Arrow type of values of twelve bytes before they are converted.
const STORED: DataType = DataType::FixedSizeBinary(12);

/// As what timestamps of INT96 are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Int96 {
    /// Nanoseconds in 64 bits, which reach from 1677 to 2262. A timestamp outside of these years is an error that names its
    /// column and row.
    #[default]
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Microseconds in 64 bits, which reach 292,000 years far. What is finer is cut off.
    #[serde(rename = "us")]
    Microseconds,
}

/// A value that its Arrow type has no room for.
#[derive(Debug)]
struct Misfit {
    /// Index in the array; in the outermost one, its row.
    index: usize,
    what: &'static str,
}

/// What `stored` is to become, where `shown` are the types that the `parquet` crate gives the columns.
pub(crate) fn target_schema(stored: &Schema, shown: &Schema, int96: Int96) -> SchemaRef {
    let fields = targets(stored.fields(), shown.fields(), int96);
    Arc::new(Schema::new_with_metadata(fields, shown.metadata().clone()))
}

fn targets(stored: &Fields, shown: &Fields, int96: Int96) -> Fields {
    stored.iter().zip(shown).map(|(stored, shown)| target_field(stored, shown, int96)).collect()
}

fn target_field(stored: &FieldRef, shown: &FieldRef, int96: Int96) -> FieldRef {
    let data_type = target(stored.data_type(), shown.data_type(), int96);
    Arc::new(Field::clone(stored).with_data_type(data_type))
}

fn target(stored: &DataType, shown: &DataType, int96: Int96) -> DataType {
    let field = |stored: &FieldRef, shown: &FieldRef| target_field(stored, shown, int96);
    match (stored, shown) {
        (_, DataType::Null) => DataType::Null,
        (_, DataType::Dictionary(_, values)) if *stored == STORED => target(stored, values, int96),
        (_, DataType::Timestamp(unit, zone)) if *stored == STORED => {
            let unit = match (int96, unit) {
                (Int96::Microseconds, TimeUnit::Nanosecond) => TimeUnit::Microsecond,
                _ => *unit,
            };
            DataType::Timestamp(unit, zone.clone())
        }
        (_, DataType::Interval(_)) if *stored == STORED => shown.clone(),
        (DataType::List(stored), DataType::List(shown)) => DataType::List(field(stored, shown)),
        (DataType::LargeList(stored), DataType::LargeList(shown)) => {
            DataType::LargeList(field(stored, shown))
        }
        (DataType::ListView(stored), DataType::ListView(shown)) => {
            DataType::ListView(field(stored, shown))
        }
        (DataType::LargeListView(stored), DataType::LargeListView(shown)) => {
            DataType::LargeListView(field(stored, shown))
        }
        (DataType::FixedSizeList(stored, size), DataType::FixedSizeList(shown, _)) => {
            DataType::FixedSizeList(field(stored, shown), *size)
        }
        (DataType::Map(stored, sorted), DataType::Map(shown, _)) => {
            DataType::Map(field(stored, shown), *sorted)
        }
        (DataType::Struct(stored), DataType::Struct(shown)) => {
            DataType::Struct(targets(stored, shown, int96))
        }
        _ => stored.clone(),
    }
}

/// The interval type that shows all that INTERVAL has, in place of the one that the `parquet` crate gives a column of which it
/// has nothing better.
pub(crate) fn whole_intervals(schema: &Schema) -> SchemaRef {
    with_types(schema, &|data_type| match data_type {
        DataType::Interval(_) => Some(DataType::Interval(IntervalUnit::MonthDayNano)),
        _ => None,
    })
}

/// Indices of 32 bits in place of narrower ones. A writer that kept to 8 bits did so for each of its arrays; the dictionary of a
/// row group may have more entries than they can number.
pub(crate) fn wide_indices(schema: &Schema) -> SchemaRef {
    with_types(schema, &|data_type| match data_type {
        DataType::Dictionary(indices, values)
            if indices.primitive_width().is_some_and(|width| width < size_of::<i32>()) =>
        {
            Some(DataType::Dictionary(Box::new(DataType::Int32), values.clone()))
        }
        _ => None,
    })
}

/// The schema with other types where `other` has them, at any depth.
fn with_types(schema: &Schema, other: &dyn Fn(&DataType) -> Option<DataType>) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| with_type(field, other)).collect::<Fields>();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

fn with_type(field: &FieldRef, other: &dyn Fn(&DataType) -> Option<DataType>) -> FieldRef {
    let of = |item: &FieldRef| with_type(item, other);
    let data_type = match field.data_type() {
        DataType::List(item) => DataType::List(of(item)),
        DataType::LargeList(item) => DataType::LargeList(of(item)),
        DataType::ListView(item) => DataType::ListView(of(item)),
        DataType::LargeListView(item) => DataType::LargeListView(of(item)),
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(of(item), *size),
        DataType::Map(entries, sorted) => DataType::Map(of(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(of).collect()),
        leaf => match other(leaf) {
            Some(data_type) => data_type,
            None => return Arc::clone(field),
        },
    };
    Arc::new(Field::clone(field).with_data_type(data_type))
}

/// The array as one of type `target`. Its first row is row `first_row` of the row group.
pub(crate) fn finish(
    array: ArrayRef,
    target: &DataType,
    first_row: u64,
) -> Result<ArrayRef, Fault> {
    if array.data_type() == target {
        return Ok(array);
    }
    convert(&array, target).map_err(|Misfit { index, what }| {
        Fault::unsupported(format!("row {} of the row group: {what}", first_row + index as u64))
    })
}

fn convert(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, Misfit> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    Ok(match (array.data_type(), target) {
        (_, DataType::Null) => Arc::new(NullArray::new(array.len())),
        (stored, DataType::Timestamp(unit, zone)) if *stored == STORED => {
            let (array, zone) = (array.as_fixed_size_binary(), zone.clone());
            match unit {
                TimeUnit::Second => Arc::new(
                    int96::<TimestampSecondType>(array, 1_000_000_000)?.with_timezone_opt(zone),
                ),
                TimeUnit::Millisecond => Arc::new(
                    int96::<TimestampMillisecondType>(array, 1_000_000)?.with_timezone_opt(zone),
                ),
                TimeUnit::Microsecond => Arc::new(
                    int96::<TimestampMicrosecondType>(array, 1000)?.with_timezone_opt(zone),
                ),
                TimeUnit::Nanosecond => {
                    Arc::new(int96::<TimestampNanosecondType>(array, 1)?.with_timezone_opt(zone))
                }
            }
        }
        (stored, DataType::Interval(unit)) if *stored == STORED => {
            let array = array.as_fixed_size_binary();
            match unit {
                IntervalUnit::MonthDayNano => {
                    Arc::new(values::<IntervalMonthDayNanoType>(array, month_day_nano)?)
                }
                IntervalUnit::DayTime => Arc::new(values::<IntervalDayTimeType>(array, day_time)?),
                IntervalUnit::YearMonth => {
                    Arc::new(values::<IntervalYearMonthType>(array, year_month)?)
                }
            }
        }
        (DataType::List(_), DataType::List(field)) => list(array.as_list::<i32>(), field)?,
        (DataType::LargeList(_), DataType::LargeList(field)) => {
            list(array.as_list::<i64>(), field)?
        }
        (DataType::ListView(_), DataType::ListView(field)) => {
            list_view(array.as_list_view::<i32>(), field)?
        }
        (DataType::LargeListView(_), DataType::LargeListView(field)) => {
            list_view(array.as_list_view::<i64>(), field)?
        }
        (DataType::FixedSizeList(_, _), DataType::FixedSizeList(field, size)) => {
            let list = array.as_fixed_size_list();
            let per_row = usize::try_from(*size).unwrap_or(0).max(1);
            let values = convert(list.values(), field.data_type())
                .map_err(|misfit| Misfit { index: misfit.index / per_row, ..misfit })?;
            let nulls = list.nulls().cloned();
            let (field, rows) = (Arc::clone(field), list.len());
            Arc::new(
                FixedSizeListArray::try_new_with_length(field, *size, values, nulls, rows)
                    .map_err(|_| OTHER_TYPE)?,
            )
        }
        (DataType::Map(_, _), DataType::Map(field, sorted)) => {
            let map = array.as_map();
            let entries: ArrayRef = Arc::new(map.entries().clone());
            let entries = convert(&entries, field.data_type())
                .map_err(|misfit| in_list(misfit, map.offsets()))?;
            let (offsets, nulls) = (map.offsets().clone(), map.nulls().cloned());
            let entries = entries.as_struct().clone();
            Arc::new(
                MapArray::try_new(Arc::clone(field), offsets, entries, nulls, *sorted)
                    .map_err(|_| OTHER_TYPE)?,
            )
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let array = array.as_struct();
            let columns = array
                .columns()
                .iter()
                .zip(fields)
                .map(|(column, field)| convert(column, field.data_type()))
                .collect::<Result<Vec<ArrayRef>, Misfit>>()?;
            let nulls = array.nulls().cloned();
            Arc::new(
                StructArray::try_new_with_length(fields.clone(), columns, nulls, array.len())
                    .map_err(|_| OTHER_TYPE)?,
            )
        }
        _ => return Err(OTHER_TYPE),
    })
}

/// The decoders give arrays of the stored schema, whose types differ from the shown ones in what is handled above.
const OTHER_TYPE: Misfit = Misfit { index: 0, what: "a column was decoded as another type" };

fn list<O: OffsetSizeTrait>(
    list: &GenericListArray<O>,
    field: &FieldRef,
) -> Result<ArrayRef, Misfit> {
    let values = convert(list.values(), field.data_type())
        .map_err(|misfit| in_list(misfit, list.offsets()))?;
    let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
    let list = GenericListArray::try_new(Arc::clone(field), offsets, values, nulls);
    list.map(|list| Arc::new(list) as ArrayRef).map_err(|_| OTHER_TYPE)
}

fn list_view<O: OffsetSizeTrait>(
    list: &GenericListViewArray<O>,
    field: &FieldRef,
) -> Result<ArrayRef, Misfit> {
    let values = convert(list.values(), field.data_type()).map_err(|misfit| {
        let holds = |row: &usize| {
            let start = list.value_offsets()[*row].as_usize();
            (start..start + list.value_sizes()[*row].as_usize()).contains(&misfit.index)
        };
        Misfit { index: (0..list.len()).find(holds).unwrap_or(0), ..misfit }
    })?;
    let (offsets, sizes) = (list.offsets().clone(), list.sizes().clone());
    let nulls = list.nulls().cloned();
    let list = GenericListViewArray::try_new(Arc::clone(field), offsets, sizes, values, nulls);
    list.map(|list| Arc::new(list) as ArrayRef).map_err(|_| OTHER_TYPE)
}

/// The misfit of an element as one of the list that it is in.
fn in_list<O: OffsetSizeTrait>(misfit: Misfit, offsets: &[O]) -> Misfit {
    let after = offsets.partition_point(|offset| offset.as_usize() <= misfit.index);
    Misfit { index: after.saturating_sub(1), ..misfit }
}

/// Each value that is not null, converted. What lies under a null is not looked at.
fn values<T: ArrowPrimitiveType>(
    array: &FixedSizeBinaryArray,
    convert: impl Fn(&[u8; 12]) -> Result<T::Native, &'static str>,
) -> Result<PrimitiveArray<T>, Misfit>
where
    T::Native: Default,
{
    let (stored, _) = array.value_data().as_chunks::<12>();
    let nulls = array.nulls();
    let mut converted = Vec::with_capacity(array.len());
    for (index, value) in stored.iter().enumerate().take(array.len()) {
        converted.push(if nulls.is_some_and(|nulls| nulls.is_null(index)) {
            T::Native::default()
        } else {
            convert(value).map_err(|what| Misfit { index, what })?
        });
    }
    Ok(PrimitiveArray::new(converted.into(), nulls.cloned()))
}

fn int96<T: ArrowPrimitiveType<Native = i64>>(
    array: &FixedSizeBinaryArray,
    nanoseconds_per_unit: i128,
) -> Result<PrimitiveArray<T>, Misfit> {
    let misfit = if nanoseconds_per_unit == 1 {
        "an INT96 timestamp outside of the years 1677 to 2262, the range of nanoseconds in 64 bits; \
         `int96` us reads microseconds"
    } else {
        "an INT96 timestamp outside of the range of 64 bits"
    };
    values(array, |value| {
        let [n0, n1, n2, n3, n4, n5, n6, n7, d0, d1, d2, d3] = *value;
        let of_day = i64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]);
        let day = i64::from(u32::from_le_bytes([d0, d1, d2, d3])) - JULIAN_DAY_OF_EPOCH;
        let nanoseconds = i128::from(day) * NANOSECONDS_PER_DAY + i128::from(of_day);
        i64::try_from(nanoseconds.div_euclid(nanoseconds_per_unit)).map_err(|_| misfit)
    })
}

/// Months, days and milliseconds as they lie there.
fn parts(value: &[u8; 12]) -> [u32; 3] {
    let (parts, _) = value.as_chunks::<4>();
    [0, 1, 2].map(|part| u32::from_le_bytes(parts[part]))
}

/// A number of months or days that Arrow has as a signed one.
fn signed(part: u32) -> Result<i32, &'static str> {
    i32::try_from(part)
        .map_err(|_| "an INTERVAL of 2^31 or more months or days, which Arrow cannot hold")
}

fn month_day_nano(value: &[u8; 12]) -> Result<IntervalMonthDayNano, &'static str> {
    let [months, days, milliseconds] = parts(value);
    let nanoseconds = i64::from(milliseconds) * 1_000_000;
    Ok(IntervalMonthDayNano::new(signed(months)?, signed(days)?, nanoseconds))
}

/// As the writer of such a column has it in `ARROW:schema`: signed numbers.
fn day_time(value: &[u8; 12]) -> Result<IntervalDayTime, &'static str> {
    let [months, days, milliseconds] = parts(value);
    if months != 0 {
        return Err(
            "an INTERVAL with months in a column of days and milliseconds (by ARROW:schema)",
        );
    }
    Ok(IntervalDayTime::new(days.cast_signed(), milliseconds.cast_signed()))
}

/// As [`day_time`].
fn year_month(value: &[u8; 12]) -> Result<i32, &'static str> {
    let [months, days, milliseconds] = parts(value);
    if (days, milliseconds) != (0, 0) {
        return Err(
            "an INTERVAL with days or milliseconds in a column of months (by ARROW:schema)",
        );
    }
    Ok(months.cast_signed())
}
