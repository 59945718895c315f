//! Which stage binds: the device, the cores that decode, or memory.
//!
//! All three are brought to one unit, **stored bytes per second**: how fast the file's bytes could go through if only
//! that stage were there. The lowest is the roof.
//!
//! ```text
//!  device   what raw reads of the recommended options get
//!  decode   cores / (CPU seconds to read and decode a stored byte)
//!  memory   a copy of 1 byte moves 2 (read, write). A stored byte is written by the device, read by the decoder,
//!           and d decoded bytes are written: 2 + d. So copy rate × 2 / (2 + d)
//! ```
//! No work is counted twice: the CPU seconds of reading are those of raw reads, submitting and checking files included, and
//! those of decoding are decoding alone. What a consumer does with batches is in neither.
//!
//! Example: an array of 20 GiB/s, 8 cores that each decode 1.5 GiB/s of stored bytes, 100 GiB/s of copying, d = 1.0:
//! device 20, decode 12, memory 67: decode binds, and 14 cores would be needed to keep up with the array.

use serde::Serialize;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Raw reads, bytes per second.
    pub device_bytes_per_second: f64,
    /// CPU seconds of all cores to read one stored byte.
    pub read_cpu_seconds_per_byte: f64,
    /// Seconds of a core to decode one stored byte: decoding alone.
    pub decode_seconds_per_byte: f64,
    /// Decoded bytes per stored byte.
    pub decoded_per_stored: f64,
    /// Cores that decode.
    pub cores: usize,
    /// Bytes copied per second by all cores.
    pub copy_bytes_per_second: f64,
}

/// The stages of [`Roofline`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The drives, or the way to them.
    Device,
    /// The cores.
    Decode,
    /// Memory bandwidth.
    Memory,
}

impl Stage {
    /// As shown in text.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Device => "device",
            Stage::Decode => "decode",
            Stage::Memory => "memory",
        }
    }
}

/// What each stage alone would let through, in stored bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Roofline {
    /// The device.
    pub device_bytes_per_second: f64,
    /// All cores, reading and decoding.
    pub decode_bytes_per_second: f64,
    /// One core of them.
    pub decode_bytes_per_second_per_core: f64,
    /// Memory.
    pub memory_bytes_per_second: f64,
    /// The lowest of the three.
    pub roof_bytes_per_second: f64,
    /// Which one that is.
    pub bound_by: Stage,
    /// Cores that would keep up with the device.
    pub cores_for_device: f64,
}

/// The roofline of some rates; `None` if one of them is not a positive number.
pub fn roofline(rates: &Rates) -> Option<Roofline> {
    let cpu = rates.read_cpu_seconds_per_byte + rates.decode_seconds_per_byte;
    let positive = [rates.device_bytes_per_second, cpu, rates.copy_bytes_per_second];
    if rates.cores == 0 || !positive.iter().all(|rate| *rate > 0.0 && rate.is_finite()) {
        return None;
    }
    if !(rates.decoded_per_stored >= 0.0 && rates.decoded_per_stored.is_finite()) {
        return None;
    }
    let device = rates.device_bytes_per_second;
    let per_core = 1.0 / cpu;
    let decode = per_core * rates.cores as f64;
    let memory = rates.copy_bytes_per_second * 2.0 / (2.0 + rates.decoded_per_stored);
    let stages = [(Stage::Device, device), (Stage::Decode, decode), (Stage::Memory, memory)];
    let (bound_by, roof) = stages.into_iter().min_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Roofline {
        device_bytes_per_second: device,
        decode_bytes_per_second: decode,
        decode_bytes_per_second_per_core: per_core,
        memory_bytes_per_second: memory,
        roof_bytes_per_second: roof,
        bound_by,
        cores_for_device: device * cpu,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the module's text.
    const ARRAY: Rates = Rates {
        device_bytes_per_second: 20e9,
        read_cpu_seconds_per_byte: 0.1 / 1.5e9,
        decode_seconds_per_byte: 0.9 / 1.5e9,
        decoded_per_stored: 1.0,
        cores: 8,
        copy_bytes_per_second: 100e9,
    };

    fn close(found: f64, expect: f64) {
        assert!((found / expect - 1.0).abs() < 1e-9, "{found}, not {expect}");
    }

    #[test]
    fn decoding_binds_on_a_fast_array() {
        let found = roofline(&ARRAY).unwrap();
        assert_eq!(found.bound_by, Stage::Decode);
        close(found.decode_bytes_per_second, 12e9);
        close(found.roof_bytes_per_second, 12e9);
        close(found.memory_bytes_per_second, 200e9 / 3.0);
        close(found.cores_for_device, 20.0 / 1.5);
    }

    #[test]
    fn the_device_binds_with_cores_enough() {
        let found = roofline(&Rates { cores: 16, ..ARRAY }).unwrap();
        assert_eq!(found.bound_by, Stage::Device);
        close(found.roof_bytes_per_second, 20e9);
    }

    #[test]
    fn memory_binds_where_little_is_stored_and_much_decoded() {
        let found = roofline(&Rates { cores: 16, decoded_per_stored: 10.0, ..ARRAY }).unwrap();
        assert_eq!(found.bound_by, Stage::Memory);
        close(found.roof_bytes_per_second, 100e9 * 2.0 / 12.0);
    }

    #[test]
    fn what_was_not_measured_has_no_roof() {
        assert_eq!(roofline(&Rates { device_bytes_per_second: 0.0, ..ARRAY }), None);
        assert_eq!(roofline(&Rates { copy_bytes_per_second: f64::NAN, ..ARRAY }), None);
        assert_eq!(roofline(&Rates { cores: 0, ..ARRAY }), None);
        assert_eq!(roofline(&Rates { decoded_per_stored: f64::INFINITY, ..ARRAY }), None);
    }
}
