//! The names of Arrow types, as Python's Arrow libraries write them.

use std::fmt::Write as _;

use arrow_schema::{DataType, Field, IntervalUnit, TimeUnit};

/// The name of a type: `int64`, `list<string>`, `fixed_size_list<float32>[768]`, `timestamp[us, tz=UTC]`.
pub(crate) fn type_name(data_type: &DataType) -> String {
    use DataType as T;
    let of = |field: &Field| type_name(field.data_type());
    match data_type {
        T::Null => "null".to_owned(),
        T::Boolean => "bool".to_owned(),
        T::Int8 => "int8".to_owned(),
        T::Int16 => "int16".to_owned(),
        T::Int32 => "int32".to_owned(),
        T::Int64 => "int64".to_owned(),
        T::UInt8 => "uint8".to_owned(),
        T::UInt16 => "uint16".to_owned(),
        T::UInt32 => "uint32".to_owned(),
        T::UInt64 => "uint64".to_owned(),
        T::Float16 => "float16".to_owned(),
        T::Float32 => "float32".to_owned(),
        T::Float64 => "float64".to_owned(),
        T::Timestamp(unit, None) => format!("timestamp[{}]", unit_name(*unit)),
        T::Timestamp(unit, Some(zone)) => format!("timestamp[{}, tz={zone}]", unit_name(*unit)),
        T::Date32 => "date32".to_owned(),
        T::Date64 => "date64".to_owned(),
        T::Time32(unit) => format!("time32[{}]", unit_name(*unit)),
        T::Time64(unit) => format!("time64[{}]", unit_name(*unit)),
        T::Duration(unit) => format!("duration[{}]", unit_name(*unit)),
        T::Interval(IntervalUnit::YearMonth) => "interval[month]".to_owned(),
        T::Interval(IntervalUnit::DayTime) => "interval[day_time]".to_owned(),
        T::Interval(IntervalUnit::MonthDayNano) => "interval[month_day_nano]".to_owned(),
        T::Binary => "binary".to_owned(),
        T::LargeBinary => "large_binary".to_owned(),
        T::BinaryView => "binary_view".to_owned(),
        T::FixedSizeBinary(bytes) => format!("fixed_size_binary[{bytes}]"),
        T::Utf8 => "string".to_owned(),
        T::LargeUtf8 => "large_string".to_owned(),
        T::Utf8View => "string_view".to_owned(),
        T::List(field) => format!("list<{}>", of(field)),
        T::LargeList(field) => format!("large_list<{}>", of(field)),
        T::ListView(field) => format!("list_view<{}>", of(field)),
        T::LargeListView(field) => format!("large_list_view<{}>", of(field)),
        T::FixedSizeList(field, size) => format!("fixed_size_list<{}>[{size}]", of(field)),
        T::Struct(fields) => {
            let mut name = "struct<".to_owned();
            for (at, field) in fields.iter().enumerate() {
                let comma = if at == 0 { "" } else { ", " };
                let _ = write!(name, "{comma}{}: {}", field.name(), of(field));
            }
            name + ">"
        }
        T::Map(entries, _) => match entries.data_type() {
            T::Struct(fields) if fields.len() == 2 => {
                format!("map<{}, {}>", of(&fields[0]), of(&fields[1]))
            }
            other => format!("map<{}>", type_name(other)),
        },
        T::Dictionary(index, value) => {
            format!("dictionary<{}, {}>", type_name(value), type_name(index))
        }
        T::Decimal32(digits, scale) => format!("decimal32({digits}, {scale})"),
        T::Decimal64(digits, scale) => format!("decimal64({digits}, {scale})"),
        T::Decimal128(digits, scale) => format!("decimal128({digits}, {scale})"),
        T::Decimal256(digits, scale) => format!("decimal256({digits}, {scale})"),
        other => other.to_string().to_lowercase(),
    }
}

fn unit_name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}

/// One line about a field: `emb: fixed_size_list<float32>[768] not null`.
pub(crate) fn field_line(field: &Field) -> String {
    let null = if field.is_nullable() { "" } else { " not null" };
    format!("{}: {}{null}", field.name(), type_name(field.data_type()))
}
