//! Every message of [`CharacterizeError`], kept in `snapshots/`.

use ringquet_messages::assert_messages;

use super::*;

fn path() -> PathBuf {
    PathBuf::from("/mnt/nvme")
}

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

#[test]
fn messages() {
    assert_messages!(CharacterizeError {
        Path { path: path(), source: errno(2) },
        Kind { path: path() },
        NotWritable { path: path(), source: errno(13) },
        Full { path: path(), available: 1_000_000, wanted: 2_000_000 },
        Write { path: path(), offset: 1_048_576, len: 4_194_304, source: errno(5) },
        InMemory { path: path(), file_system: "tmpfs".to_owned() },
        NoDirect { path: path() },
        Permission { path: PathBuf::from("/dev/nvme0n1") },
        TooShort { path: path(), len: 1000, min: 65_536 },
        Options("`queue_depths` 0: must be 1 to 4096".to_owned()),
        TestFile { path: path(), text: "no answer for 30 seconds".to_owned() },
        Io(IoError::Open { path: path(), source: errno(2) }),
        Parquet(ringquet::Error::Stopped),
        Unreadable("a.parquet: out of spec".to_owned()),
        Thread("a reader thread panicked: out of bounds".to_owned()),
        Stopped {},
    });
}
