//! The suite every engine passes: one function per behaviour of the contract, written against [`Log`] alone.
//!
//! An engine says where it lives with a [`Place`] and names the suite once in its tests:
//!
//! ```text
//! everstream_log::contract!(TemporaryDirectory::new());
//! ```
//!
//! Each behaviour becomes a `#[tokio::test]` with a place of its own.

mod append;
mod create;
mod fork;
mod lifetime;
mod producer;
mod random;
mod read;
mod reopen;
mod run;
mod sample;
mod tombstone;

use std::future::Future;
use std::sync::Arc;

use crate::Log;

pub use append::*;
pub use create::*;
pub use fork::*;
pub use lifetime::*;
pub use producer::*;
pub use random::*;
pub use read::*;
pub use reopen::*;
pub use run::*;
pub use tombstone::*;

/// How many streams the engine of a [`Place`] must take, and not one more.
pub const STREAMS_MAX: u64 = 144;

/// Where an engine lives, such as a directory that goes away with this value.
pub trait Place: Send + Sync {
    /// Whether the engine still has what it acknowledged after [`Log::close`] and [`Place::open`].
    const KEEPS: bool;

    /// Opens the engine, bounded to [`STREAMS_MAX`] streams. Empty at first; called again once the log of before was
    /// closed and dropped.
    fn open(&self) -> impl Future<Output = Arc<dyn Log>> + Send;
}

/// Makes a `#[tokio::test]` of each behaviour; the expression makes a fresh [`Place`].
#[macro_export]
macro_rules! contract {
    ($place:expr) => {
        $crate::contract! { @each $place;
            a_created_stream_is_found_as_it_was_made
            a_stream_can_be_made_with_records_and_closed_at_once
            a_name_is_made_once
            an_alias_leads_to_its_stream_and_belongs_to_one
            a_refused_creation_leaves_nothing_behind
            streams_are_bounded
            offsets_are_dense
            an_entry_is_appended_whole
            several_entries_of_one_stream_fit_in_one_commit
            a_commit_at_once_is_one_like_any_other
            a_commit_with_one_bad_entry_appends_nothing
            a_closed_stream_takes_no_more
            a_close_keeps_reason_time_and_detail
            an_entry_without_records_or_close_changes_nothing
            an_empty_commit_is_acknowledged
            many_streams_grow_side_by_side
            a_read_starts_anywhere_and_is_empty_at_the_tail
            what_is_made_of_a_read_is_made_of_its_records
            a_separator_stands_behind_each_record_of_a_run_or_nowhere
            a_read_stops_at_its_limits_but_returns_one_record
            a_read_beyond_the_tail_is_refused
            records_keep_their_bytes_and_times
            a_large_record_is_one_record
            bytes_count_the_data
            a_deadline_is_reported_once_reached
            a_touch_moves_the_deadline
            a_touch_of_what_is_not_there_is_refused
            expired_streams_come_earliest_first_and_bounded
            open_relays_are_the_relayed_streams_not_closed
            a_deleted_stream_is_gone_with_its_alias_and_deadline
            a_name_made_again_is_another_stream
            deleting_another_life_deletes_nothing
            a_deleted_stream_takes_no_records
            a_fork_reads_its_source_and_then_itself
            a_fork_says_where_it_comes_from
            what_befalls_the_source_later_is_not_in_its_fork
            a_fork_of_a_fork_reads_all_of_its_line
            a_read_across_the_base_keeps_its_limits
            a_cut_record_is_the_first_of_the_forks_own
            an_entry_ends_where_its_append_did
            entries_of_one_record_keep_their_ends
            an_inherited_entry_ends_at_the_base_at_the_latest
            a_refused_fork_leaves_nothing_behind
            forks_of_forks_are_bounded_in_depth
            a_deleted_source_lives_on_in_its_forks
            a_tombstone_goes_with_its_last_fork
            tombstones_go_up_the_line
            a_source_outlives_its_forks
            tombstones_count_as_streams
            a_ready_engine_says_so_and_a_closed_one_refuses_everything
            a_producer_is_known_by_its_last_entry
            producers_do_not_mix
            several_entries_of_one_producer_fit_in_one_commit
            a_refused_commit_leaves_producers_as_they_were
            a_producer_is_counted_once
            the_stream_seq_is_the_last_one_given
            a_stream_can_be_made_by_a_producer
            producers_go_with_their_stream
            producers_are_there_after_a_reopen
            what_was_acknowledged_is_there_after_a_reopen
            a_stream_goes_on_after_a_reopen
            a_deleted_stream_stays_deleted_after_a_reopen
            forks_and_tombstones_are_there_after_a_reopen
            random_operations_answer_as_the_memory_engine_does
        }
    };
    (@each $place:expr; $($behaviour:ident)*) => {
        $(
            #[tokio::test]
            async fn $behaviour() {
                $crate::contract::$behaviour($place).await;
            }
        )*
    };
}
