//! Tensors as DLPack capsules, version 1.0.
//!
//! A capsule owns an [`Export`] until a consumer renames it; then the consumer calls the deleter, on any thread and
//! perhaps without the GIL. Neither runs Python.

#![expect(unsafe_code, reason = "the C structs of DLPack")]

use std::ffi::c_void;
use std::ptr::NonNull;

use arrow_buffer::Buffer;
use pyo3::exceptions::PyBufferError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::tensor::Tensor;

/// Main memory.
pub(crate) const DEVICE: (i32, i32) = (1, 0);

const READ_ONLY: u64 = 1;
const IS_COPIED: u64 = 2;

/// `DLDataType`.
#[repr(C)]
struct DataType {
    code: u8,
    bits: u8,
    lanes: u16,
}

/// `DLDevice`.
#[repr(C)]
struct Device {
    kind: i32,
    id: i32,
}

/// `DLTensor`.
#[repr(C)]
struct Dense {
    data: *mut c_void,
    device: Device,
    ndim: i32,
    dtype: DataType,
    shape: *mut i64,
    strides: *mut i64,
    byte_offset: u64,
}

/// `DLManagedTensorVersioned`.
#[repr(C)]
struct Managed {
    version: [u32; 2],
    context: *mut c_void,
    deleter: Option<unsafe extern "C" fn(*mut Managed)>,
    flags: u64,
    tensor: Dense,
}

/// What a capsule, or the consumer that took it, owns: one box.
struct Export {
    managed: Managed,
    shape: Vec<i64>,
    strides: Vec<i64>,
    /// Keeps the numbers.
    _memory: Buffer,
}

/// What a consumer asks for.
pub(crate) struct Request<'py> {
    pub(crate) stream: Option<Bound<'py, PyAny>>,
    pub(crate) max_version: Option<(u32, u32)>,
    pub(crate) dl_device: Option<(i32, i32)>,
    pub(crate) copy: Option<bool>,
}

impl Request<'_> {
    /// Refusals are `BufferError`s: of a `TypeError` a consumer concludes that the protocol is an old one, and calls again
    /// without arguments.
    fn check(&self) -> PyResult<()> {
        let refused = |text: &str| Err(PyBufferError::new_err(text.to_owned()));
        if self.stream.is_some() {
            return refused("memory of the CPU has no stream: expected stream=None");
        }
        if self.dl_device.is_some_and(|device| device != DEVICE) {
            return refused(
                "the memory is that of the CPU, dl_device=(1, 0): copy the tensor to a device afterwards",
            );
        }
        if self.max_version.is_none_or(|(major, _)| major < 1) {
            return refused(
                "the memory is read-only, which DLPack can state since version 1.0: the consumer must ask for \
                 max_version=(1, 0) or later, as numpy 2.1 and torch 2.9 do",
            );
        }
        Ok(())
    }
}

/// The capsule of a tensor.
///
/// # Errors
/// `BufferError` for a request that cannot be met.
pub(crate) fn capsule<'py>(
    py: Python<'py>,
    tensor: Tensor,
    request: &Request<'py>,
) -> PyResult<Bound<'py, PyCapsule>> {
    request.check()?;
    let tensor = match request.copy {
        Some(true) if !tensor.is_copied => tensor.copied(),
        Some(false) if tensor.is_copied => {
            let text = "this column has to be copied to be a tensor: expected copy=None or True";
            return Err(PyBufferError::new_err(text));
        }
        _ => tensor,
    };
    let managed = Export::boxed(tensor);
    // SAFETY: the pointer is that of a box, which `destroy` or the consumer's call of the deleter frees.
    unsafe {
        PyCapsule::new_with_pointer_and_destructor(
            py,
            managed.cast(),
            c"dltensor_versioned",
            Some(destroy),
        )
    }
}

impl Export {
    fn boxed(tensor: Tensor) -> NonNull<Managed> {
        let strides = tensor.strides();
        let Tensor { number, shape, memory, is_copied } = tensor;
        let ndim = i32::try_from(shape.len()).expect("types are not nested that deep");
        let mut export = Box::new(Export {
            managed: Managed {
                version: [1, 0],
                context: std::ptr::null_mut(),
                deleter: Some(delete),
                // What was copied belongs to the consumer alone.
                flags: if is_copied { IS_COPIED } else { READ_ONLY },
                tensor: Dense {
                    data: memory.as_ptr().cast_mut().cast(),
                    device: Device { kind: DEVICE.0, id: DEVICE.1 },
                    ndim,
                    dtype: DataType { code: number.code, bits: number.bits, lanes: 1 },
                    shape: std::ptr::null_mut(),
                    strides: std::ptr::null_mut(),
                    byte_offset: 0,
                },
            },
            shape,
            strides,
            _memory: memory,
        });
        export.managed.tensor.shape = export.shape.as_mut_ptr();
        export.managed.tensor.strides = export.strides.as_mut_ptr();
        let export = Box::into_raw(export);
        // SAFETY: the box was just made, and nothing else points to it.
        let managed = unsafe { &mut (*export).managed };
        managed.context = export.cast();
        NonNull::from(managed)
    }
}

/// Called by whoever owns the tensor, once.
unsafe extern "C" fn delete(managed: *mut Managed) {
    // SAFETY: the caller gives a tensor of `Export::boxed` that was not deleted.
    let context = unsafe { (*managed).context };
    // SAFETY: the context is the box.
    drop(unsafe { Box::from_raw(context.cast::<Export>()) });
}

/// Of a capsule: deletes a tensor that no consumer took. One that did has renamed the capsule.
unsafe extern "C" fn destroy(capsule: *mut ffi::PyObject) {
    const NAME: *const std::ffi::c_char = c"dltensor_versioned".as_ptr();
    // SAFETY: the interpreter calls this with the capsule, and holds the GIL.
    if unsafe { ffi::PyCapsule_IsValid(capsule, NAME) } == 1 {
        // SAFETY: as above; the capsule has this name.
        let managed = unsafe { ffi::PyCapsule_GetPointer(capsule, NAME) };
        // SAFETY: the capsule still owns the tensor.
        unsafe { delete(managed.cast()) };
    }
}
