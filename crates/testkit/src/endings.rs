//! How the processes of a suite end: killed, told to end, or by themselves at a point.

use crate::{process::Process, rig::Services};

impl Services {
    /// Kills the second replica of a service.
    pub fn stop_other(&mut self, name: &'static str) {
        drop(self.others.remove(name));
    }

    /// Tells a service to end, and waits until it has.
    pub async fn terminate(&mut self, name: &'static str) {
        ended(self.begin_to_end(name)).await;
    }

    /// Tells a service to end. Its process may have work under way.
    pub fn begin_to_end(&mut self, name: &'static str) -> Process {
        let ending = self.running.remove(name).unwrap();
        ending.terminate();
        ending
    }

    /// Tells the second replica of a service to end, and waits until it has.
    pub async fn terminate_other(&mut self, name: &'static str) {
        let ending = self.others.remove(name).unwrap();
        ending.terminate();
        ended(ending).await;
    }

    /// Stops a service.
    pub fn stop(&mut self, name: &'static str) {
        drop(self.running.remove(name));
    }

    /// Starts a service so that it dies at a point, does what makes it die, and starts it again.
    pub async fn die_at<F: Future + Send + 'static>(
        &mut self,
        name: &'static str,
        point: &str,
        act: F,
    ) where
        F::Output: Send + 'static,
    {
        self.die_and_meanwhile(name, point, act, std::future::ready(())).await;
    }

    /// The same, and does something while it lies dead.
    pub async fn die_and_meanwhile<F: Future + Send + 'static>(
        &mut self,
        name: &'static str,
        point: &str,
        act: F,
        meanwhile: impl Future,
    ) where
        F::Output: Send + 'static,
    {
        self.restart(name, Some(point)).await;
        let acting = tokio::spawn(act);
        self.wait_for_end_of(name).await;
        meanwhile.await;
        self.restart(name, None).await;
        let _ = acting.await.unwrap();
    }

    /// The same; then the next one dies at a point that what goes on passes, and is started again.
    pub async fn die_twice<F: Future + Send + 'static>(
        &mut self,
        name: &'static str,
        point: &str,
        act: F,
        meanwhile: impl Future,
        next: &'static str,
        next_point: &str,
    ) where
        F::Output: Send + 'static,
    {
        self.restart(name, Some(point)).await;
        let acting = tokio::spawn(act);
        self.wait_for_end_of(name).await;
        meanwhile.await;
        self.restart(next, Some(next_point)).await;
        if next != name {
            self.restart(name, None).await;
        }
        self.wait_for_end_of(next).await;
        self.restart(next, None).await;
        let _ = acting.await.unwrap();
    }

    async fn wait_for_end_of(&mut self, name: &'static str) {
        let mut doomed = self.running.remove(name).unwrap();
        tokio::task::spawn_blocking(move || doomed.wait_for_end()).await.unwrap();
    }
}

/// Waits until a process has ended by itself; its exit code, none where a signal ended it.
pub async fn ended(mut ending: Process) -> Option<i32> {
    tokio::task::spawn_blocking(move || ending.wait_for_end()).await.unwrap()
}
