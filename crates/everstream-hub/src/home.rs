//! What belongs to one runtime.

use std::sync::Arc;

use tokio::sync::mpsc;

use crate::alarm::Alarm;
use crate::hub::Shared;
use crate::writer::{Command, Writer};

/// What belongs to one runtime: the queue of its writer and the alarm of its subscriptions.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) writer: mpsc::Sender<Command>,
    pub(crate) alarm: Arc<Alarm>,
}

impl Home {
    /// Spawns a writer and an alarm on the current runtime.
    pub(crate) fn here(shared: &Arc<Shared>) -> Self {
        let commands_max = shared.config.queued_appends_max;
        let (sender, commands) = mpsc::channel(commands_max);
        let writer = Writer::new(Arc::clone(&shared.log), Arc::clone(&shared.clock), &shared.config, commands);
        shared.tasks.spawn_service(|ended| writer.run(commands_max, ended));
        let alarm = Arc::new(Alarm::default());
        shared.tasks.spawn_service(|ended| Arc::clone(&alarm).run(ended));
        Self { writer: sender, alarm }
    }
}
