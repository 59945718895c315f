//! Bytes seen as integers, and integers as bytes.

#![expect(
    unsafe_code,
    reason = "views of bytes as integers and back, of which any bits are a value"
)]

/// Integers that bytes can be viewed as: any bits are a value, and there is no padding.
pub(crate) trait Word: Copy + Default + PartialEq + 'static {}

impl Word for u8 {}
impl Word for u16 {}
impl Word for u32 {}
impl Word for u64 {}
impl Word for u128 {}
impl Word for i32 {}
impl Word for i64 {}

/// The bytes as integers of the machine's byte order.
///
/// # Panics
/// When the bytes are not aligned to `T` or end inside one.
pub(crate) fn words<T: Word>(bytes: &[u8]) -> &[T] {
    // SAFETY: any bits are a `T`.
    let (head, words, tail) = unsafe { bytes.align_to::<T>() };
    assert!(head.is_empty() && tail.is_empty(), "pool memory is aligned and cut at whole values");
    words
}

/// The bytes as integers of the machine's byte order.
///
/// # Panics
/// When the bytes are not aligned to `T` or end inside one.
pub(crate) fn words_mut<T: Word>(bytes: &mut [u8]) -> &mut [T] {
    // SAFETY: any bits are a `T`, and any `T` is bytes.
    let (head, words, tail) = unsafe { bytes.align_to_mut::<T>() };
    assert!(head.is_empty() && tail.is_empty(), "pool memory is aligned and cut at whole values");
    words
}

/// The integers as bytes.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
pub(crate) fn bytes_of<T: Word>(values: &[T]) -> &[u8] {
    // SAFETY: any `T` is bytes, without padding.
    let (_, bytes, _) = unsafe { values.align_to::<u8>() };
    bytes
}

/// Integers as others of the same width.
///
/// # Panics
/// When the widths differ.
#[cfg(all(target_arch = "x86_64", not(feature = "portable")))]
pub(crate) fn words_as<T: Word, U: Word>(values: &mut [T]) -> &mut [U] {
    assert_eq!(size_of::<T>(), size_of::<U>(), "the same width");
    // SAFETY: any bits are a `U`, and any `U` is a `T`.
    let (head, words, tail) = unsafe { values.align_to_mut::<U>() };
    assert!(head.is_empty() && tail.is_empty(), "integers of one width have one alignment");
    words
}
