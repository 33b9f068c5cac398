//! The contract suite at every durability.

use std::sync::Arc;

use everstream_log::contract::{Place, STREAMS_MAX};
use everstream_log::{Durability, Log};
use everstream_log_disk::{DiskConfig, DiskLog};
use tempfile::TempDir;

struct OnDisk {
    directory: TempDir,
    durability: Durability,
}

impl OnDisk {
    fn at(durability: Durability) -> Self {
        Self { directory: tempfile::tempdir().unwrap(), durability }
    }
}

impl Place for OnDisk {
    const KEEPS: bool = true;

    async fn open(&self) -> Arc<dyn Log> {
        let config = DiskConfig {
            durability: self.durability,
            streams_max: STREAMS_MAX,
            ..DiskConfig::new(self.directory.path())
        };
        Arc::new(DiskLog::open(&config).unwrap())
    }
}

mod at_memory {
    use super::*;
    everstream_log::contract!(OnDisk::at(Durability::Memory));
}

mod at_os {
    use super::*;
    everstream_log::contract!(OnDisk::at(Durability::Os));
}

mod at_fsync {
    use super::*;
    everstream_log::contract!(OnDisk::at(Durability::Fsync));
}
