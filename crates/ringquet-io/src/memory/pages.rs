//! The pages of an arena: reserved huge ones, transparent ones, or those of the base size.

use memmap2::{Advice, MmapMut, MmapOptions};
use ringquet_result::{Warning, WarningCode};

use crate::error::IoError;
use crate::options::HugePages;

/// Size of a huge page on x86-64 and of the usual aarch64 configuration.
const HUGE_PAGE_BYTES: usize = 2 << 20;

/// Which pages the arena got. JSON: `huge_pages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PageKind {
    /// Reserved huge pages (`vm.nr_hugepages`), 2 MiB each.
    Hugetlb,
    /// Ordinary memory with `madvise(MADV_HUGEPAGE)`: the kernel may use transparent huge pages.
    Transparent,
    /// Pages of the base size.
    Base,
}

/// A mapping of `len` bytes on the pages that `huge` allows, and which they are.
///
/// # Errors
/// [`IoError::Arena`].
pub(crate) fn map_pages(
    len: usize,
    huge: HugePages,
    warnings: &mut Vec<Warning>,
) -> Result<(MmapMut, PageKind), IoError> {
    let arena_error = |source| IoError::Arena { bytes: len, source };
    let tried_hugetlb = matches!(huge, HugePages::Auto | HugePages::On);
    if tried_hugetlb && len >= HUGE_PAGE_BYTES {
        let huge_len = len.next_multiple_of(HUGE_PAGE_BYTES);
        match MmapOptions::new().len(huge_len).huge(Some(21)).map_anon() {
            Ok(map) => {
                return Ok((not_inherited(map).map_err(arena_error)?, PageKind::Hugetlb));
            }
            Err(source) if huge == HugePages::On => warnings.push(Warning::new(
                WarningCode::HugePagesUnavailable,
                format!(
                    "no {huge_len} bytes of reserved huge pages ({source}); using transparent ones. 'sysctl -w vm.nr_hugepages={}' reserves enough for one reader thread",
                    huge_len / HUGE_PAGE_BYTES
                ),
            )),
            Err(_) => {}
        }
    }
    let map = MmapOptions::new().len(len).map_anon().map_err(arena_error)?;
    let map = not_inherited(map).map_err(arena_error)?;
    let transparent = huge != HugePages::Off && map.advise(Advice::HugePage).is_ok();
    Ok((map, if transparent { PageKind::Transparent } else { PageKind::Base }))
}

/// A process that forks (for example to start another program) must not share these pages with its child: with copy-on-write
/// the parent's next write goes to a copy, while the device still fills the page that the ring has pinned.
fn not_inherited(map: MmapMut) -> std::io::Result<MmapMut> {
    map.advise(Advice::DontFork)?;
    Ok(map)
}
