//! Running sums: differences to values.

use super::delta::Number;

/// `out[i] = last + (differences[0] + add) + … + (differences[i] + add)`, wrapped; the last of them.
///
/// # Panics
/// When `differences` and `out` differ in length.
pub(crate) fn running_sum<T: Number>(differences: &[u32], add: T, last: T, out: &mut [T]) -> T {
    assert_eq!(differences.len(), out.len(), "one value per difference");
    let (done, last) = sum_fast(differences, add, last, out);
    sum_plain(&differences[done..], add, last, &mut out[done..])
}

/// The portable version.
fn sum_plain<T: Number>(differences: &[u32], add: T, last: T, out: &mut [T]) -> T {
    let mut last = last;
    for (difference, out) in differences.iter().zip(out) {
        // The sum of the two does not wait for the value before.
        last = last.plus(T::cut(i64::from(*difference)).plus(add));
        *out = last;
    }
    last
}

/// As many as the kernel that this CPU has for their width does, and the last of them.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
fn sum_fast<T: Number>(differences: &[u32], add: T, last: T, out: &mut [T]) -> (usize, T) {
    use crate::words::words_as;
    let (wide_add, wide_last) = (add.widen(), last.widen());
    let (done, last) = match size_of::<T>() {
        4 => super::running_sum_x86::sum_32(differences, wide_add, wide_last, words_as(out)),
        8 => super::running_sum_x86::sum_64(differences, wide_add, wide_last, words_as(out)),
        _ => (0, wide_last),
    };
    (done, T::cut(last))
}

#[cfg(any(not(target_arch = "x86_64"), feature = "portable"))]
fn sum_fast<T: Number>(_differences: &[u32], _add: T, last: T, _out: &mut [T]) -> (usize, T) {
    (0, last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check<T: Number + std::fmt::Debug>(differences: &[u32], add: i64, last: i64) {
        let (add, last) = (T::cut(add), T::cut(last));
        let (mut out, mut expect) =
            (vec![T::default(); differences.len()], vec![T::default(); differences.len()]);
        let end = running_sum(differences, add, last, &mut out);
        assert_eq!(end, sum_plain(differences, add, last, &mut expect));
        assert_eq!(out, expect);
    }

    proptest! {
        #[test]
        fn equals_the_plain_version(
            differences in proptest::collection::vec(any::<u32>(), 0..100),
            add in any::<i64>(),
            last in any::<i64>(),
        ) {
            check::<u32>(&differences, add, last);
            check::<i64>(&differences, add, last);
        }
    }
}
