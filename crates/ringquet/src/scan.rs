//! How a data set is read: the options of one scan, and what is made of it.

use std::sync::Arc;

use ringquet_decode::ContentDigest;

use crate::choices::{Direct, Driver};
use crate::deliver::batches::Batches;
use crate::deliver::channel::BatchGrids;
use crate::deliver::placed_batches::PlacedBatches;
use crate::error::Error;
use crate::open::dataset::Dataset;
use crate::options::EngineOptions;
use crate::plan::{Plan, RowGroupId};
use crate::read::lane::{Batch, StopFlag};
use crate::read::visit;
use crate::report::ScanReport;

/// One reading of a data set. From [`Dataset::scan`]; options first, then one of the methods that read.
///
/// A builder, since most options are left alone and new ones can be added without a change of the callers. It borrows
/// nothing, so a scan can be kept, cloned and sent to another thread. What it reads is decided when reading starts, and
/// errors of options come then.
#[derive(Debug, Clone)]
#[must_use = "a scan reads nothing before a call for batches, a visit or a report"]
pub struct Scan {
    dataset: Dataset,
    /// Those of the data set, with what was changed.
    options: EngineOptions,
    is_changed: bool,
    row_groups: Option<Vec<RowGroupId>>,
    grids: Option<Arc<BatchGrids>>,
    stop: StopFlag,
}

/// Options.
impl Dataset {
    /// A scan of this data set: all columns and rows, with as many reader threads as there are CPUs near the device, unless
    /// the [`Scan`] says otherwise.
    pub fn scan(&self) -> Scan {
        Scan::new(self)
    }
}

impl Scan {
    pub(crate) fn new(dataset: &Dataset) -> Scan {
        let (dataset, options) = (dataset.clone(), dataset.options().clone());
        Scan {
            dataset,
            options,
            is_changed: false,
            row_groups: None,
            grids: None,
            stop: StopFlag::new(),
        }
    }

    /// Columns to read, by name of the root column; they come in the order of the file. By default all. None at all is
    /// possible: batches then only count rows.
    pub fn columns(self, names: impl IntoIterator<Item = impl Into<String>>) -> Scan {
        let names = names.into_iter().map(Into::into).collect();
        self.with(|options| options.columns = Some(names))
    }

    /// Row groups to read, in this order if there is one reader thread. By default all.
    pub fn row_groups(mut self, row_groups: impl IntoIterator<Item = RowGroupId>) -> Scan {
        self.row_groups = Some(row_groups.into_iter().collect());
        self
    }

    /// Whether batches come in the order of the row groups and their rows, however many reader threads there are. By default they
    /// do not if there are several.
    ///
    /// The order costs memory: what other threads decode of the next row groups waits for its turn. A thread has one row group
    /// waiting at most, within its share of the memory: a quarter of a given budget, else a sixteenth of the memory.
    pub fn ordered(self, ordered: bool) -> Scan {
        self.with(|options| options.is_ordered = ordered)
    }

    /// Where the consumer of an ordered scan would cut batches of `rows` rows: in each of the row groups asked for, after so many
    /// rows for the first time.
    pub(crate) fn in_batches_of(mut self, rows: usize, first: Vec<u64>) -> Scan {
        self.grids = Some(Arc::new(BatchGrids { first, step: rows }));
        self.with(|options| options.whole_batch_rows = Some(rows))
    }

    /// Reader threads: by default one per CPU near the device that this process may use.
    pub fn threads(self, threads: usize) -> Scan {
        self.with(|options| options.threads = Some(threads))
    }

    /// CPUs to pin reader threads to.
    pub fn cpus(self, cpus: impl IntoIterator<Item = usize>) -> Scan {
        let cpus = cpus.into_iter().collect();
        self.with(|options| options.cpus = Some(cpus))
    }

    /// Around or through the page cache.
    pub fn direct(self, direct: Direct) -> Scan {
        self.with(|options| options.io.direct = direct.into())
    }

    /// How reads are given to the kernel.
    pub fn driver(self, driver: Driver) -> Scan {
        self.with(|options| options.io.driver = driver.into())
    }

    /// Bound on the memory of all reader threads, in bytes: reads in flight, bytes waiting to be decoded, decoded batches. By
    /// default 192 MiB per thread, or 32 MiB where files are read through the page cache, and half of the memory at most.
    pub fn memory_budget_bytes(self, bytes: u64) -> Scan {
        self.with(|options| options.memory_budget_bytes = Some(bytes))
    }

    /// Rows per batch at most. By default as many as have about 4 MiB.
    pub fn batch_rows(self, rows: usize) -> Scan {
        self.with(|options| options.batch_rows = Some(rows))
    }

    /// Whether page CRCs are checked where pages have them.
    pub fn verify_crc(self, verify: bool) -> Scan {
        self.with(|options| options.verify_crc = verify)
    }

    /// A flag that ends the scan early, at most 100 ms after it is set. The scan reads it and never sets it.
    pub fn stop(mut self, stop: &StopFlag) -> Scan {
        self.stop = stop.clone();
        self
    }

    /// Any option of the engine. Its `int96` has effect in [`Dataset::open_with`] only.
    pub fn with(mut self, change: impl FnOnce(&mut EngineOptions)) -> Scan {
        change(&mut self.options);
        self.is_changed = true;
        self
    }
}

/// Reading.
impl Scan {
    /// The data set as this scan reads it: its columns, its options decided. For the functions of
    /// [`engine`](crate::engine).
    ///
    /// # Errors
    /// Options that contradict each other or this machine, and where none of the files can be read with them.
    pub fn dataset(&self) -> Result<Dataset, Error> {
        if !self.is_changed {
            return Ok(self.dataset.clone());
        }
        self.dataset.under(self.options.clone())
    }

    /// All batches, of one schema.
    ///
    /// # Errors
    /// As [`Scan::dataset`], [`Error::NoRowGroup`], and [`Error::Schemas`] if the columns of two files differ.
    pub fn batches(self) -> Result<Batches, Error> {
        let dataset = self.dataset()?;
        let schema = dataset.schema()?;
        Ok(Batches::new(schema, self.start(&dataset)?))
    }

    /// All batches as a [`Stream`](futures_core::Stream), of one schema.
    ///
    /// # Errors
    /// As [`Scan::batches`].
    #[cfg(feature = "async")]
    pub fn stream(self) -> Result<crate::deliver::batch_stream::BatchStream, Error> {
        let dataset = self.dataset()?;
        let schema = dataset.schema()?;
        Ok(crate::deliver::batch_stream::BatchStream::new(schema, self.start(&dataset)?))
    }

    /// All batches, each with its place and the schema of its file.
    ///
    /// # Errors
    /// As [`Scan::dataset`], and [`Error::NoRowGroup`].
    pub fn placed_batches(self) -> Result<PlacedBatches, Error> {
        self.start(&self.dataset()?)
    }

    fn start(&self, dataset: &Dataset) -> Result<PlacedBatches, Error> {
        let row_groups = self.chosen(dataset, Dataset::row_groups_in_order)?;
        Ok(PlacedBatches::start(dataset, row_groups, &self.stop, self.grids.clone()))
    }

    /// Gives the batches to visitors on the reader threads themselves: no queue, no other core. `make_visitor` is called
    /// once per reader thread, with its number; the visitor it returns gets that thread's batches, row group by row group.
    ///
    /// A file that fails is in [`ScanReport::failures`], as are those that were not opened; the others are read to their end.
    ///
    /// # Errors
    /// As [`Scan::placed_batches`], and what ends the scan as a whole: no driver, no memory, a ring that the kernel refuses.
    pub fn visit<V>(self, make_visitor: impl Fn(usize) -> V + Sync) -> Result<ScanReport, Error>
    where
        V: FnMut(Batch) + Send,
    {
        let dataset = self.dataset()?;
        let row_groups = self.chosen(&dataset, Dataset::row_groups)?;
        visit::visit(&dataset, row_groups, &self.stop, make_visitor)
    }

    /// Reads the selected bytes once and decodes nothing.
    ///
    /// # Errors
    /// As [`Scan::visit`].
    pub fn read_raw(self) -> Result<ScanReport, Error> {
        let dataset = self.dataset()?;
        let row_groups = self.chosen(&dataset, Dataset::row_groups)?;
        visit::raw(&dataset, row_groups, &self.stop)
    }

    /// Reads and decodes everything once into a digest of its content: the same for every driver, number of
    /// threads, decoder and batch size.
    ///
    /// # Errors
    /// As [`Scan::visit`].
    pub fn digest(self) -> Result<(ContentDigest, ScanReport), Error> {
        let (files, report) = self.digest_files(true)?;
        Ok((files.into_iter().fold(ContentDigest::default(), |sum, digest| sum + digest), report))
    }

    /// The digest of each file. With `by_place` a file's digest depends on its index in the data set, so that two
    /// files that change places are noticed; without it is that of the content alone.
    ///
    /// # Errors
    /// As [`Scan::visit`].
    pub fn digest_files(self, by_place: bool) -> Result<(Vec<ContentDigest>, ScanReport), Error> {
        let dataset = self.dataset()?;
        let row_groups = self.chosen(&dataset, Dataset::row_groups)?;
        visit::digest(&dataset, row_groups, &self.stop, by_place)
    }

    /// The reads that this scan issues: see [`Dataset::plan`].
    ///
    /// # Errors
    /// As [`Scan::placed_batches`].
    pub fn plan(self) -> Result<Plan, Error> {
        let dataset = self.dataset()?;
        let row_groups = self.chosen(&dataset, Dataset::row_groups)?;
        Ok(dataset.plan_of(row_groups))
    }

    /// The selected row groups, or all of them.
    fn chosen(
        &self,
        dataset: &Dataset,
        all: impl FnOnce(&Dataset) -> Vec<RowGroupId>,
    ) -> Result<Vec<RowGroupId>, Error> {
        let Some(asked) = &self.row_groups else { return Ok(all(dataset)) };
        let files = self.dataset.files();
        let row_groups = |id: &RowGroupId| {
            files.get(id.file as usize).map_or(0, |file| file.footer.num_row_groups())
        };
        if let Some(id) = asked.iter().find(|id| id.row_group as usize >= row_groups(id)) {
            let (files, row_groups) = (files.len(), row_groups(id));
            return Err(Error::NoRowGroup { id: *id, files, row_groups });
        }
        Ok(renumbered(asked, &self.dataset, dataset))
    }
}

/// Row groups of `before` as those of `after`, which has the same files or, where some cannot be read under its options, fewer.
fn renumbered(row_groups: &[RowGroupId], before: &Dataset, after: &Dataset) -> Vec<RowGroupId> {
    let mut left = (0u32..).zip(after.files()).peekable();
    let numbers: Vec<Option<u32>> = before
        .files()
        .iter()
        .map(|file| left.next_if(|(_, other)| other.path == file.path).map(|(number, _)| number))
        .collect();
    let renumber =
        |id: &RowGroupId| numbers[id.file as usize].map(|file| RowGroupId { file, ..*id });
    row_groups.iter().filter_map(renumber).collect()
}
