//! Moving a deadline and removing a stream.

use everstream_log::{Error, StreamKey, StreamName, Timestamp};

use super::Writer;
use crate::change::Changed;
use crate::group::Group;
use crate::keyspace::stream::{self, StreamRow};
use crate::keyspace::{alias, expiry, stream_key};
use crate::tail::gone;

impl Writer {
    pub(super) fn stage_touch(
        &mut self,
        group: &mut Group,
        stream: StreamKey,
        expires_at: Option<Timestamp>,
    ) -> Result<Changed, Error> {
        let row = self.store.living(stream)?;
        if row.expires_at == expires_at {
            return Ok(Changed::Done);
        }
        if let Some(deadline) = row.expires_at {
            group.batch.remove(&self.store.expiry, &expiry::key(deadline, stream));
        }
        if let Some(deadline) = expires_at {
            group.batch.insert(&self.store.expiry, &expiry::key(deadline, stream), Vec::new());
        }
        let row = StreamRow { expires_at, ..row };
        group.batch.insert(&self.store.streams, &stream_key(stream), stream::ser(&row));
        group.streams.insert(stream, None);
        Ok(Changed::Done)
    }

    /// Everything but the records goes at once; those are found in `garbage` by the reclaimer, also after a crash. Of a
    /// stream with forks a tombstone stays.
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
        if row.is_tombstone {
            return Ok(Changed::Done);
        }
        match self.store.highest_base(stream, None)? {
            Some(end) => self.stage_tombstone(group, stream, row, end),
            None => {
                let removal = self.removal_of(stream, row)?;
                self.stage_removal(group, removal);
            }
        }
        Ok(Changed::Done)
    }

    /// Frees what leads to a stream apart from its name.
    pub(super) fn stage_release(&self, group: &mut Group, stream: StreamKey, row: &StreamRow) {
        group.batch.remove(&self.store.relays, &stream_key(stream));
        if let Some(alias) = &row.settings.alias {
            group.batch.remove(&self.store.aliases, &alias::key(alias));
        }
        if let Some(deadline) = row.expires_at {
            group.batch.remove(&self.store.expiry, &expiry::key(deadline, stream));
        }
        group.claim(&row.name, row.settings.alias.as_ref());
        group.streams.insert(stream, None);
        group.deleted.push(stream);
    }
}
