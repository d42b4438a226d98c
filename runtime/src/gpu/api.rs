//! The driver's functions as a table of ours: raw status codes, no symbol looked up later, nothing that can panic.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

use super::library::function_table;

/// `CUresult`: a number, so that a code newer than this file is only an unknown number.
pub(crate) type Status = c_int;
/// `CUdevice`.
pub(crate) type DeviceHandle = c_int;
/// `CUdeviceptr`.
pub(crate) type DevicePtr = u64;
/// Handles that are pointers: `CUcontext`, `CUmodule`, `CUfunction`, `CUstream`, `CUevent`.
pub(crate) type Handle = *mut c_void;

function_table! {
    /// Functions of `libcuda`. All of the needed ones exist since CUDA 11.0, with these versions.
    Api -> Status;
    needed {
        init = c"cuInit" (c_uint);
        get_error_name = c"cuGetErrorName" (Status, *mut *const c_char);
        get_error_string = c"cuGetErrorString" (Status, *mut *const c_char);
        device_get_count = c"cuDeviceGetCount" (*mut c_int);
        device_get = c"cuDeviceGet" (*mut DeviceHandle, c_int);
        device_get_name = c"cuDeviceGetName" (*mut c_char, c_int, DeviceHandle);
        device_get_attribute = c"cuDeviceGetAttribute" (*mut c_int, c_int, DeviceHandle);
        device_total_mem = c"cuDeviceTotalMem_v2" (*mut usize, DeviceHandle);
        primary_ctx_retain = c"cuDevicePrimaryCtxRetain" (*mut Handle, DeviceHandle);
        ctx_get_current = c"cuCtxGetCurrent" (*mut Handle);
        ctx_set_current = c"cuCtxSetCurrent" (Handle);
        ctx_synchronize = c"cuCtxSynchronize" ();
        mem_get_info = c"cuMemGetInfo_v2" (*mut usize, *mut usize);
        mem_alloc = c"cuMemAlloc_v2" (*mut DevicePtr, usize);
        mem_free = c"cuMemFree_v2" (DevicePtr);
        mem_host_alloc = c"cuMemHostAlloc" (*mut *mut c_void, usize, c_uint);
        mem_free_host = c"cuMemFreeHost" (*mut c_void);
        memcpy_to_device = c"cuMemcpyHtoDAsync_v2" (DevicePtr, *const c_void, usize, Handle);
        memcpy_to_host = c"cuMemcpyDtoHAsync_v2" (*mut c_void, DevicePtr, usize, Handle);
        memcpy_on_device = c"cuMemcpyDtoDAsync_v2" (DevicePtr, DevicePtr, usize, Handle);
        memset_bytes = c"cuMemsetD8Async" (DevicePtr, u8, usize, Handle);
        stream_create = c"cuStreamCreate" (*mut Handle, c_uint);
        stream_destroy = c"cuStreamDestroy_v2" (Handle);
        stream_synchronize = c"cuStreamSynchronize" (Handle);
        stream_query = c"cuStreamQuery" (Handle);
        stream_wait_event = c"cuStreamWaitEvent" (Handle, Handle, c_uint);
        event_create = c"cuEventCreate" (*mut Handle, c_uint);
        event_destroy = c"cuEventDestroy_v2" (Handle);
        event_record = c"cuEventRecord" (Handle, Handle);
        event_synchronize = c"cuEventSynchronize" (Handle);
        event_query = c"cuEventQuery" (Handle);
        module_load_data = c"cuModuleLoadDataEx" (*mut Handle, *const c_void, c_uint, *mut c_int, *mut *mut c_void);
        module_unload = c"cuModuleUnload" (Handle);
        module_get_function = c"cuModuleGetFunction" (*mut Handle, Handle, *const c_char);
        func_get_attribute = c"cuFuncGetAttribute" (*mut c_int, c_int, Handle);
        func_set_attribute = c"cuFuncSetAttribute" (Handle, c_int, c_int);
        occupancy = c"cuOccupancyMaxActiveBlocksPerMultiprocessor" (*mut c_int, Handle, c_int, usize);
        launch_kernel = c"cuLaunchKernel" (
            Handle, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, Handle, *mut *mut c_void, *mut *mut c_void
        );
    }
    optional {
        // The new one has the same meaning with another resolution; one of both is there.
        event_elapsed_time = c"cuEventElapsedTime" (*mut f32, Handle, Handle);
        event_elapsed_time_v2 = c"cuEventElapsedTime_v2" (*mut f32, Handle, Handle);
        memcpy_peer = c"cuMemcpyPeerAsync" (DevicePtr, Handle, DevicePtr, Handle, usize, Handle);
    }
}

/// Least driver that is taken: CUDA 11.0.
pub(crate) const NEEDED_VERSION: (u32, u32) = (11, 0);

/// Status codes that mean something to us.
pub(crate) mod code {
    use super::Status;

    pub(crate) const OUT_OF_MEMORY: Status = 2;
    /// `libcuda` of the toolkit, for linking only.
    pub(crate) const STUB_LIBRARY: Status = 34;
    pub(crate) const NO_DEVICE: Status = 100;
    pub(crate) const NOT_READY: Status = 600;
    /// Codes for which an image is of no use on this device or driver: invalid image, no binary for the device, invalid or
    /// unsupported PTX, unknown target.
    pub(crate) const REFUSED: [Status; 5] = [200, 209, 218, 222, 300];
    /// Codes after which a context answers every call with the same code: memory errors (uncorrectable, NVLink), illegal
    /// address, timeout, destroyed, assertion, stack, instruction, alignment, address space, program counter, launch.
    pub(crate) const STICKY: [Status; 13] = [214, 220, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 999];
}

/// Attributes of devices.
pub(crate) mod attribute {
    use super::c_int;

    pub(crate) const MAX_THREADS_PER_BLOCK: c_int = 1;
    pub(crate) const MAX_GRID_X: c_int = 5;
    pub(crate) const SHARED_PER_BLOCK: c_int = 8;
    pub(crate) const WARP_SIZE: c_int = 10;
    pub(crate) const MULTIPROCESSORS: c_int = 16;
    pub(crate) const MEMORY_CLOCK_KHZ: c_int = 36;
    pub(crate) const BUS_BITS: c_int = 37;
    pub(crate) const L2_BYTES: c_int = 38;
    pub(crate) const THREADS_PER_MULTIPROCESSOR: c_int = 39;
    pub(crate) const MAJOR: c_int = 75;
    pub(crate) const MINOR: c_int = 76;
    pub(crate) const SHARED_PER_BLOCK_OPTIN: c_int = 97;
}

/// Attributes of functions.
pub(crate) mod function_attribute {
    use super::c_int;

    pub(crate) const MAX_THREADS: c_int = 0;
    pub(crate) const SHARED_BYTES: c_int = 1;
    pub(crate) const LOCAL_BYTES: c_int = 3;
    pub(crate) const REGISTERS: c_int = 4;
    pub(crate) const MAX_DYNAMIC_SHARED: c_int = 8;
}

/// `CU_STREAM_NON_BLOCKING`: no implicit order with the legacy default stream.
pub(crate) const STREAM_NON_BLOCKING: c_uint = 1;
/// `CU_EVENT_DISABLE_TIMING`.
pub(crate) const EVENT_NO_TIMING: c_uint = 2;
/// `CU_MEMHOSTALLOC_PORTABLE`: pinned for all contexts.
pub(crate) const HOST_PORTABLE: c_uint = 1;
/// `CU_JIT_ERROR_LOG_BUFFER` and `CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES`.
pub(crate) const JIT_ERROR_LOG: [c_int; 2] = [5, 6];

impl Api {
    /// Name and meaning of a status code, as far as the driver knows it.
    pub(crate) fn describe(&self, status: Status) -> (String, String) {
        let ask = |function: unsafe extern "C" fn(Status, *mut *const c_char) -> Status| {
            let mut text = std::ptr::null();
            // SAFETY: any code may be asked for; the pointer is ours.
            let answer = unsafe { function(status, &raw mut text) };
            if answer != 0 || text.is_null() {
                return None;
            }
            // SAFETY: a static C string of the driver.
            Some(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
        };
        let name = ask(self.get_error_name).unwrap_or_else(|| format!("CUDA error {status}"));
        (name, ask(self.get_error_string).unwrap_or_default())
    }
}
