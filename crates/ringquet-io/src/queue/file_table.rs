//! The files that a queue holds open, at most `open_files` of them, by the caller's key.
//!
//! The place of a file here is its index in the ring's registered-file table. Where all places are taken, the
//! file used longest ago that has no read in flight is closed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::driver::Driver;
use crate::error::IoError;
use crate::storage::file::DataFile;

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
        assert!(self.can_open(key), "the caller calls can_open first");
        self.clock += 1;
        if let Some(&index) = self.by_key.get(&key) {
            let place = &mut self.places[index as usize];
            place.last_used = self.clock;
            return Ok(Arc::clone(&place.file));
        }
        let file = Arc::new(open()?);
        let refused = |source| IoError::Register { path: file.path().to_owned(), source };
        let place = Place { key, file: Arc::clone(&file), in_flight: 0, last_used: self.clock };
        let index = match self.idle_place() {
            None => {
                let index = u32::try_from(self.places.len()).expect("at most 32768 places");
                driver.set_file(index, Some(file.raw_fd())).map_err(refused)?;
                self.places.push(place);
                index
            }
            Some(index) => {
                driver.set_file(index, None).map_err(refused)?;
                // From here on the ring has no file there: whatever comes next, the old key must not find it.
                let old = &mut self.places[index as usize];
                old.last_used = 0;
                self.by_key.remove(&old.key);
                driver.set_file(index, Some(file.raw_fd())).map_err(refused)?;
                self.places[index as usize] = place;
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

    /// The file at `key`, if it is open.
    pub(crate) fn get(&self, key: u32) -> Option<&Arc<DataFile>> {
        self.index_of(key).map(|index| self.file(index))
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::os::fd::RawFd;
    use std::time::Duration;

    use super::*;
    use crate::driver::{DriverFacts, RawCompletion, RawRead, RawWrite};
    use crate::options::DirectChoice;

    /// Refuses the given files.
    struct Table {
        files: Vec<Option<RawFd>>,
        refuses: bool,
    }

    impl Driver for Table {
        fn facts(&self) -> &DriverFacts {
            unreachable!("only files are looked at")
        }

        fn set_file(&mut self, index: u32, fd: Option<RawFd>) -> io::Result<()> {
            if self.refuses && fd.is_some() {
                return Err(io::Error::from_raw_os_error(libc::ENOMEM));
            }
            self.files[index as usize] = fd;
            Ok(())
        }

        unsafe fn push(&mut self, _: RawRead) {}

        unsafe fn push_write(&mut self, _: RawWrite) {}

        fn enter(&mut self, _: Option<Duration>) -> io::Result<u32> {
            Ok(0)
        }

        fn reap(&mut self, _: &mut Vec<RawCompletion>) {}
    }

    /// The old file was taken out of the ring and the new one refused: the table still had the old one, and its
    /// reads went to an empty place.
    #[test]
    fn a_place_that_the_ring_does_not_have_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = |key: u32| dir.path().join(format!("f{key}"));
        let mut driver = Table { files: vec![None], refuses: false };
        let mut table = FileTable::new(1);
        let get = |table: &mut FileTable, driver: &mut Table, key: u32| {
            std::fs::write(path(key), [0; 10]).unwrap();
            let got =
                table.get_or_open(key, driver, || DataFile::open(&path(key), DirectChoice::Off));
            let fd = got?.raw_fd();
            let index = table.index_of(key).expect("it was just opened");
            assert_eq!(driver.files[index as usize], Some(fd), "the ring has it there");
            Ok::<_, IoError>(())
        };
        get(&mut table, &mut driver, 1).unwrap();
        driver.refuses = true;
        let error = get(&mut table, &mut driver, 2).unwrap_err();
        assert!(
            matches!(&error, IoError::Register { path, .. } if path.ends_with("f2")),
            "{error}"
        );
        driver.refuses = false;
        get(&mut table, &mut driver, 1).unwrap();
        get(&mut table, &mut driver, 2).unwrap();
    }
}
