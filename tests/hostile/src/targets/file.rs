//! Whole files. Mutations keep the file's frame: they go into the pages, into the footer, whose length is put right, or
//! anywhere.

use crate::check_file;

/// Magic and length at the end of a file.
const TAIL_BYTES: usize = 8;

/// Runs the target on `bytes`.
///
/// # Panics
/// When what must hold does not.
pub fn file(bytes: &[u8]) {
    let batch_rows = [8192, 3, 7, 64][bytes.len() % 4];
    check_file(bytes, batch_rows, bytes.len() / 4 % 2 == 1);
}

/// Where the footer starts, if the tail says something that can be.
fn footer_start(file: &[u8]) -> Option<usize> {
    let tail = file.last_chunk::<TAIL_BYTES>()?;
    let length = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]) as usize;
    file.len().checked_sub(TAIL_BYTES)?.checked_sub(length)
}

/// Changes the file in `data[..size]` and keeps its frame: `mutate` gets the part to be changed, its length, and the room
/// that it has, and gives the new length. Which part follows from `seed`.
pub fn mutate_file(
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
    mut mutate: impl FnMut(&mut [u8], usize, usize) -> usize,
) -> usize {
    let Some(start) = footer_start(&data[..size]) else {
        return mutate(data, size, max_size);
    };
    match seed % 8 {
        // The pages: they keep their length, so that the footer's offsets stay right.
        0..4 => {
            let window = 4 + (seed >> 3) as usize % 256;
            let from = (seed >> 11) as usize % start.max(1);
            let to = (from + window).min(start);
            let mut pages = data[from.min(to)..to].to_vec();
            let length = pages.len();
            if length == 0 {
                return mutate(data, size, max_size);
            }
            let mutated = mutate(&mut pages, length, length);
            data[from..from + mutated].copy_from_slice(&pages[..mutated]);
            size
        }
        // The footer: the tail follows it.
        4..7 => {
            let room = max_size.saturating_sub(start + TAIL_BYTES);
            if room == 0 {
                return mutate(data, size, max_size);
            }
            let mut footer = data[start..size - TAIL_BYTES].to_vec();
            let length = footer.len().min(room);
            footer.resize(room, 0);
            let mutated = mutate(&mut footer, length, room);
            data[start..start + mutated].copy_from_slice(&footer[..mutated]);
            let end = start + mutated;
            data[end..end + 4].copy_from_slice(&(mutated as u32).to_le_bytes());
            data[end + 4..end + TAIL_BYTES].copy_from_slice(b"PAR1");
            end + TAIL_BYTES
        }
        _ => mutate(data, size, max_size),
    }
}
