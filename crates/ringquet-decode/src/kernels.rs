//! The inner loops: free functions over slices, one kernel per file, each held against a plain version.
//!
//! Kernels that have a version for x86-64 keep it in their `*_x86` file; which one runs is decided when it is first
//! needed, by what the CPU can do. The portable version is always there and gives the same; `cargo xtask portable` builds it in
//! place of the others, as another architecture would have it, and runs this crate's tests.

pub(crate) mod ascending;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
mod ascending_x86;
pub(crate) mod bit_unpack;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
mod bit_unpack_x86;
pub(crate) mod bitmap;
pub(crate) mod byte_stream_split;
pub(crate) mod convert;
pub(crate) mod counting;
pub(crate) mod delta;
pub(crate) mod gather;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
mod gather_x86;
pub(crate) mod join_strings;
pub(crate) mod running_sum;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
mod running_sum_x86;
pub(crate) mod spread;
pub(crate) mod spread_bits;
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
mod spread_x86;

/// AVX-512 with permutations of bytes, and what its kernels are compiled with beside it. A virtual machine may hide any
/// of them on its own.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
fn has_avx512_vbmi() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vbmi")
}

#[cfg(test)]
mod tests {
    /// Source files with kernels that are compiled for more than the base of their architecture.
    const SOURCES: [&str; 6] = [
        include_str!("kernels/ascending_x86.rs"),
        include_str!("kernels/bit_unpack_x86.rs"),
        include_str!("kernels/gather_x86.rs"),
        include_str!("kernels/running_sum_x86.rs"),
        include_str!("kernels/spread_bits.rs"),
        include_str!("kernels/spread_x86.rs"),
    ];

    /// BMI2 was detected and POPCNT taken for granted: on a machine that hides it, undefined behaviour. What a kernel is
    /// compiled with must be detected before it is called.
    #[test]
    fn a_kernel_is_called_only_where_all_of_its_features_were_detected() {
        let helper = include_str!("kernels.rs").split("fn has_avx512_vbmi()").nth(1).unwrap();
        let helper = helper.split("\n}").next().unwrap();
        let mut kernels = 0;
        for source in SOURCES {
            // Calls in the tests beside the kernels are checked by running them.
            let source = source.split("#[cfg(test)]").next().unwrap();
            let functions: Vec<&str> = source.split("\n}").collect();
            for kernel in source.split("#[target_feature(enable = \"").skip(1) {
                let (features, rest) = kernel.split_once('"').unwrap();
                let name = rest.split_once("fn ").unwrap().1;
                let name = name.split(['(', '<']).next().unwrap();
                let call = format!("unsafe {{ {name}(");
                let callers: Vec<&&str> =
                    functions.iter().filter(|function| function.contains(&call)).collect();
                assert!(!callers.is_empty(), "{name} has no caller");
                for caller in callers {
                    let before = caller.split(&call).next().unwrap();
                    let asked = before.replace("has_avx512_vbmi()", helper);
                    for feature in features.split(',') {
                        let detected =
                            asked.contains(&format!("is_x86_feature_detected!(\"{feature}\")"));
                        assert!(
                            detected,
                            "{name} is compiled with {feature}, which is not detected first"
                        );
                    }
                }
                kernels += 1;
            }
        }
        assert_eq!(kernels, 11, "a kernel that is not looked at");
    }
}
