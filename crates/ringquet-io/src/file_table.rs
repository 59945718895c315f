//! The files that a queue holds open, at most `open_files` of them, by the caller's key.
//!
//! The place of a file here is its index in the ring's registered-file table. Where all places are taken, the
//! file used longest ago that has no read in flight is closed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::driver::Driver;
use crate::error::IoError;
use crate::file::DataFile;

pub(crate) struct FileTable {
    places: Vec<Place>,
    by_key: HashMap<u32, u32>,
    capacity: u32,
    clock: u64,
}

struct Place {
    key: u32,
    file: Arc<DataFile>,
    in_flight: u32,
    last_used: u64,
}

impl FileTable {
    pub(crate) fn new(capacity: u32) -> FileTable {
        let room = capacity.min(1024) as usize;
        FileTable {
            places: Vec::with_capacity(room),
            by_key: HashMap::with_capacity(room),
            capacity,
            clock: 0,
        }
    }

    /// The file at `key`, opened by `open` unless it still is. Afterwards it is at the returned index.
    pub(crate) fn get_or_open(
        &mut self,
        key: u32,
        driver: &mut dyn Driver,
        open: impl FnOnce() -> Result<DataFile, IoError>,
    ) -> Result<Arc<DataFile>, IoError> {
        assert!(self.can_open(key), "the caller asks can_open first");
        self.clock += 1;
        if let Some(&index) = self.by_key.get(&key) {
            let place = &mut self.places[index as usize];
            place.last_used = self.clock;
            return Ok(Arc::clone(&place.file));
        }
        let file = Arc::new(open()?);
        let set_error = |source| IoError::Open { path: file.path().to_owned(), source };
        let place = Place { key, file: Arc::clone(&file), in_flight: 0, last_used: self.clock };
        let index = match self.idle_place() {
            None => {
                let index = u32::try_from(self.places.len()).expect("at most 32768 places");
                driver.set_file(index, Some(file.raw_fd())).map_err(set_error)?;
                self.places.push(place);
                index
            }
            Some(index) => {
                driver.set_file(index, None).map_err(set_error)?;
                driver.set_file(index, Some(file.raw_fd())).map_err(set_error)?;
                let old = std::mem::replace(&mut self.places[index as usize], place);
                self.by_key.remove(&old.key);
                index
            }
        };
        self.by_key.insert(key, index);
        Ok(file)
    }

    /// Can the file at `key` be had now? Not while every place holds a file with reads in flight.
    pub(crate) fn can_open(&self, key: u32) -> bool {
        self.by_key.contains_key(&key)
            || (self.places.len() as u64) < u64::from(self.capacity)
            || self.places.iter().any(|place| place.in_flight == 0)
    }

    /// The place to reuse, or `None` if there is room for one more.
    fn idle_place(&self) -> Option<u32> {
        if (self.places.len() as u64) < u64::from(self.capacity) {
            return None;
        }
        let idle = self.places.iter().enumerate().filter(|(_, place)| place.in_flight == 0);
        let (index, _) = idle.min_by_key(|(_, place)| place.last_used)?;
        Some(u32::try_from(index).expect("at most 32768 places"))
    }

    /// Index of an open file. `None`: it was closed in the meantime, open it again.
    pub(crate) fn index_of(&self, key: u32) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    pub(crate) fn file(&self, index: u32) -> &Arc<DataFile> {
        &self.places[index as usize].file
    }

    pub(crate) fn begin_read(&mut self, index: u32) {
        self.places[index as usize].in_flight += 1;
    }

    pub(crate) fn end_read(&mut self, index: u32) {
        self.places[index as usize].in_flight -= 1;
    }
}
