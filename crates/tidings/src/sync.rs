//! The locks and atomics on which publishers, shards and readers meet.
//!
//! They are std's. Where the schedules are tested (`--cfg shuttle`) they are shuttle's, which hands the only core to
//! another thread at each of them, as a seed says. What only counts stays std's everywhere: no decision hangs on it.

#[cfg(all(test, shuttle))]
pub(crate) use shuttle::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize},
};
#[cfg(not(all(test, shuttle)))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize},
};
