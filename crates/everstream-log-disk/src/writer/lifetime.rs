//! Moving a deadline and removing a stream.

use everstream_log::{Error, StreamKey, StreamName, Timestamp};

use super::Writer;
use crate::change::Changed;
use crate::group::Group;
use crate::keyspace::stream::{self, StreamRow};
use crate::keyspace::{alias, expiry, name, stream_key};
use crate::tail::gone;

impl Writer {
    pub(super) fn stage_touch(
        &mut self,
        group: &mut Group,
        stream: StreamKey,
        expires_at: Option<Timestamp>,
    ) -> Result<Changed, Error> {
        let row = self.store.stream(stream)?.ok_or_else(gone)?;
        if row.expires_at == expires_at {
            return Ok(Changed::Done);
        }
        if let Some(deadline) = row.expires_at {
            group.remove(&self.store.expiry, &expiry::key(deadline, stream));
        }
        if let Some(deadline) = expires_at {
            group.insert(&self.store.expiry, &expiry::key(deadline, stream), Vec::new());
        }
        let row = StreamRow { expires_at, ..row };
        group.insert(&self.store.streams, &stream_key(stream), stream::ser(&row));
        group.streams.insert(stream, None);
        Ok(Changed::Done)
    }

    /// Everything but the records goes at once; those are found in `garbage` by the reclaimer, also after a crash.
    pub(super) fn stage_delete(
        &mut self,
        group: &mut Group,
        name: &StreamName,
        stream: StreamKey,
    ) -> Result<Changed, Error> {
        if self.store.find(name)? != Some(stream) {
            return Ok(Changed::Done);
        }
        let row = self.store.stream(stream)?.ok_or_else(gone)?;
        let key = stream_key(stream);
        group.remove(&self.store.names, name::key(name));
        group.remove(&self.store.streams, &key);
        group.remove(&self.store.relays, &key);
        if let Some(alias) = &row.settings.alias {
            group.remove(&self.store.aliases, &alias::key(alias));
        }
        if let Some(deadline) = row.expires_at {
            group.remove(&self.store.expiry, &expiry::key(deadline, stream));
        }
        group.insert(&self.store.garbage, &key, Vec::new());
        group.claim(name, row.settings.alias.as_ref());
        group.streams.insert(stream, None);
        group.counts = true;
        group.garbage = true;
        self.counters.streams = self.counters.streams.saturating_sub(1);
        Ok(Changed::Done)
    }
}
