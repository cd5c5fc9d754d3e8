//! The table: one arm for each event, and in it one for each state that it means something in.

use protocol::frame::FaultCode;
use protocol::identity::{Lsn, Seq};

use super::live::UNANSWERED_MAX;
use super::{
    Action, Admission, Backoff, Download, Event, Live, REPORT_AT, Report, Session, Standing, State,
    Terms, Timer, Window,
};

/// Whether a connection is there, or being made.
const fn is_linked(state: &State) -> bool {
    match state {
        State::Idle | State::Waiting => false,
        State::Connecting
        | State::Enrolling
        | State::Greeting
        | State::Proving(_)
        | State::Live(_) => true,
    }
}

impl Session {
    /// One step of the conversation. `jitter` is uniform over all numbers; it decides waits only.
    #[must_use]
    pub fn step(mut self, jitter: u32, event: Event) -> (Self, Vec<Action>) {
        let link = self.state.link();
        let standing = self.standing;
        let mut actions = match event {
            Event::NetworkUp => self.on_network_up(jitter),
            Event::TryNow => self.on_try_now(),
            Event::EnrolWanted => self.on_enrol_wanted(),
            Event::Connected => self.on_connected(jitter),
            Event::Disconnected => self.on_disconnected(jitter),
            Event::Enrolled => self.on_enrolled(),
            Event::Challenged(terms) => self.on_challenged(jitter, terms),
            Event::Admitted(admission) => self.on_admitted(jitter, admission),
            Event::RetryLater(window) | Event::ToldToGo(window) => self.on_window(jitter, window),
            Event::ReIncarnated => self.reconnect_now(),
            Event::Recorded(seq) => self.on_recorded(jitter, seq),
            Event::Pushed { last, bytes } => self.on_pushed(last, bytes),
            Event::NothingToPush => self.on_nothing_to_push(),
            Event::Acked(seq) => self.on_acked(seq),
            Event::Wanted(seq) => self.on_wanted(seq),
            Event::Applied(cursor) => self.on_moved(Some(cursor)),
            Event::ChunkTaken => self.on_moved(None),
            Event::FeedGap => self.on_ask_again(false),
            Event::ReplicaLost => self.on_ask_again(true),
            // Nothing else waits for the replica; the heartbeat asks again.
            Event::ReplicaFailed => Vec::new(),
            Event::HeartbeatAnswered(head) => self.on_heartbeat_answered(head),
            Event::Heard => self.on_heard(),
            Event::BadFrame(code) => self.on_bad_frame(jitter, code),
            Event::Faulted { code, retry_after_ms } => {
                self.on_faulted(jitter, code, retry_after_ms)
            }
            Event::RecorderFailed => self.give_up(jitter),
            Event::Timer(timer) => self.on_timer(jitter, timer),
        };
        if self.standing != standing {
            actions.push(Action::Report(Report::Standing(self.standing)));
        }
        if self.state.link() != link {
            actions.push(Action::Report(Report::Link(self.state.link())));
        }
        (self, actions)
    }

    fn has_business(&self) -> bool {
        self.is_enrolled || self.has_code
    }

    fn on_network_up(&mut self, jitter: u32) -> Vec<Action> {
        match self.state {
            State::Idle | State::Waiting if self.has_business() => {
                self.state = State::Waiting;
                vec![Action::Arm(Timer::Reconnect, self.backoff.first(jitter))]
            }
            State::Idle
            | State::Waiting
            | State::Connecting
            | State::Enrolling
            | State::Greeting
            | State::Proving(_)
            | State::Live(_) => Vec::new(),
        }
    }

    fn on_try_now(&mut self) -> Vec<Action> {
        match self.state {
            State::Idle | State::Waiting if self.has_business() => self.connect(),
            State::Idle
            | State::Waiting
            | State::Connecting
            | State::Enrolling
            | State::Greeting
            | State::Proving(_)
            | State::Live(_) => Vec::new(),
        }
    }

    fn on_enrol_wanted(&mut self) -> Vec<Action> {
        self.has_code = true;
        self.reconnect_now()
    }

    fn connect(&mut self) -> Vec<Action> {
        self.state = State::Connecting;
        self.is_told_to_wait = false;
        vec![
            Action::Disarm(Timer::Reconnect),
            Action::Arm(Timer::Handshake, self.backoff.patience.handshake_ms),
            Action::Connect,
        ]
    }

    /// Ends what there is and connects at once: nothing failed, so nothing has to be waited for.
    fn reconnect_now(&mut self) -> Vec<Action> {
        let mut actions = self.leave();
        actions.extend(self.connect());
        actions
    }

    /// Ends the connection, if there is one, with the timers of a session.
    fn leave(&mut self) -> Vec<Action> {
        let mut actions: Vec<Action> =
            [Timer::Handshake, Timer::Heartbeat, Timer::Healthy, Timer::Stall]
                .map(Action::Disarm)
                .to_vec();
        if is_linked(&self.state) {
            actions.push(Action::Close);
        }
        self.state = State::Waiting;
        actions
    }

    fn wait(&mut self, delay_ms: u32) -> Vec<Action> {
        let mut actions = self.leave();
        if self.has_business() {
            actions.push(Action::Arm(Timer::Reconnect, delay_ms));
        } else {
            self.state = State::Idle;
        }
        actions
    }

    fn give_up(&mut self, jitter: u32) -> Vec<Action> {
        let delay_ms = self.backoff.failed(jitter);
        self.wait(delay_ms)
    }

    fn on_connected(&mut self, jitter: u32) -> Vec<Action> {
        if self.state != State::Connecting {
            return Vec::new();
        }
        let timer = Action::Arm(Timer::Handshake, self.backoff.patience.handshake_ms);
        if self.has_code {
            self.state = State::Enrolling;
            vec![timer, Action::SendEnrol]
        } else if self.is_enrolled {
            self.state = State::Greeting;
            vec![timer, Action::SendHello]
        } else {
            self.give_up(jitter)
        }
    }

    fn on_disconnected(&mut self, jitter: u32) -> Vec<Action> {
        if is_linked(&self.state) { self.give_up(jitter) } else { Vec::new() }
    }

    fn on_enrolled(&mut self) -> Vec<Action> {
        self.is_enrolled = true;
        self.has_code = false;
        self.standing = Standing::Good;
        self.reconnect_now()
    }

    fn on_challenged(&mut self, jitter: u32, terms: Terms) -> Vec<Action> {
        match self.state {
            State::Greeting => {
                self.state = State::Proving(terms);
                vec![
                    Action::Arm(Timer::Handshake, self.backoff.patience.handshake_ms),
                    Action::SendAuth,
                ]
            }
            State::Idle | State::Waiting => Vec::new(),
            State::Connecting | State::Enrolling | State::Proving(_) | State::Live(_) => {
                self.on_bad_frame(jitter, FaultCode::PROTOCOL)
            }
        }
    }

    fn on_admitted(&mut self, jitter: u32, admission: Admission) -> Vec<Action> {
        let State::Proving(terms) = self.state else {
            return self.on_bad_frame(jitter, FaultCode::PROTOCOL);
        };
        self.standing = Standing::Good;
        let mut live = Live::new(terms, admission, self.is_careful());
        let mut actions = vec![
            Action::Disarm(Timer::Handshake),
            Action::Arm(Timer::Heartbeat, Backoff::around(terms.heartbeat_ms, jitter)),
            Action::Arm(Timer::Healthy, self.backoff.patience.healthy_ms),
            Action::SendLeaseOk,
            Download::first(admission),
        ];
        actions.extend(live.upload.pump());
        self.state = State::Live(live);
        actions
    }

    fn on_window(&mut self, jitter: u32, window: Window) -> Vec<Action> {
        if !is_linked(&self.state) {
            return Vec::new();
        }
        self.is_told_to_wait = true;
        self.wait(Backoff::within(window, jitter))
    }

    fn on_recorded(&mut self, jitter: u32, seq: Seq) -> Vec<Action> {
        match &mut self.state {
            State::Live(live) => {
                live.upload.recorded = live.upload.recorded.max(seq);
                live.upload.pump().into_iter().collect()
            }
            State::Waiting if self.standing == Standing::Good && !self.is_told_to_wait => {
                let shorter = self.backoff.shortened(jitter);
                shorter.map(|ms| Action::Arm(Timer::Reconnect, ms)).into_iter().collect()
            }
            State::Idle
            | State::Waiting
            | State::Connecting
            | State::Enrolling
            | State::Greeting
            | State::Proving(_) => Vec::new(),
        }
    }

    fn on_pushed(&mut self, last: Seq, bytes: usize) -> Vec<Action> {
        let stall_ms = self.backoff.patience.stall_ms;
        let State::Live(live) = &mut self.state else { return Vec::new() };
        let was_waiting = live.upload.is_waiting();
        live.upload.pushed(last, bytes);
        let mut actions = Vec::new();
        if !was_waiting && live.upload.is_waiting() {
            actions.push(Action::Arm(Timer::Stall, stall_ms));
        }
        actions.extend(live.upload.pump());
        actions
    }

    fn on_nothing_to_push(&mut self) -> Vec<Action> {
        if let State::Live(live) = &mut self.state {
            live.upload.nothing_pushed();
        }
        Vec::new()
    }

    fn on_acked(&mut self, seq: Seq) -> Vec<Action> {
        let stall_ms = self.backoff.patience.stall_ms;
        let State::Live(live) = &mut self.state else { return Vec::new() };
        if !live.upload.acked(seq) {
            return Vec::new();
        }
        let mut actions = vec![if live.upload.is_waiting() {
            Action::Arm(Timer::Stall, stall_ms)
        } else {
            Action::Disarm(Timer::Stall)
        }];
        actions.extend(live.upload.pump());
        actions
    }

    fn on_wanted(&mut self, seq: Seq) -> Vec<Action> {
        let State::Live(live) = &mut self.state else { return Vec::new() };
        let was_waiting = live.upload.is_waiting();
        live.upload.rewind(seq);
        let mut actions = Vec::new();
        if was_waiting && !live.upload.is_waiting() {
            actions.push(Action::Disarm(Timer::Stall));
        }
        actions.extend(live.upload.pump());
        actions
    }

    fn on_moved(&mut self, cursor: Option<Lsn>) -> Vec<Action> {
        if let State::Live(live) = &mut self.state {
            live.download.moved(cursor);
        }
        Vec::new()
    }

    fn on_ask_again(&mut self, from_scratch: bool) -> Vec<Action> {
        let State::Live(live) = &mut self.state else { return Vec::new() };
        if from_scratch {
            live.download.cursor = Lsn(0);
        }
        live.download.ask_again(from_scratch).into_iter().collect()
    }

    fn on_heartbeat_answered(&mut self, head: Lsn) -> Vec<Action> {
        if let State::Live(live) = &mut self.state {
            live.download.head = live.download.head.max(head);
        }
        Vec::new()
    }

    fn on_heard(&mut self) -> Vec<Action> {
        self.n_broken = 0;
        if let State::Live(live) = &mut self.state {
            live.n_unanswered = 0;
        }
        Vec::new()
    }

    fn on_bad_frame(&mut self, jitter: u32, code: FaultCode) -> Vec<Action> {
        if !is_linked(&self.state) {
            return Vec::new();
        }
        self.n_broken = self.n_broken.saturating_add(1);
        let mut actions = vec![Action::SendFault(code)];
        if self.n_broken == REPORT_AT {
            actions.push(Action::Report(Report::BrokenFrames(self.n_broken)));
        }
        actions.extend(self.give_up(jitter));
        actions
    }

    fn on_faulted(
        &mut self,
        jitter: u32,
        code: FaultCode,
        retry_after_ms: Option<u32>,
    ) -> Vec<Action> {
        if !is_linked(&self.state) {
            return Vec::new();
        }
        let mut actions = vec![Action::Report(Report::Fault(code))];
        match code {
            FaultCode::CURSOR_TOO_OLD | FaultCode::SNAPSHOT_GONE => {
                return self.on_ask_again(true);
            }
            FaultCode::SUSPENDED => {
                self.standing = Standing::Suspended;
                if let State::Live(live) = &mut self.state {
                    live.download.is_subscribed = false;
                    return actions;
                }
                actions.extend(self.give_up(jitter));
            }
            FaultCode::ENROLMENT => {
                self.has_code = false;
                actions.push(Action::ForgetCode);
                actions.push(Action::Report(Report::EnrolmentRefused));
                actions.extend(self.give_up(jitter));
            }
            FaultCode::REVOKED | FaultCode::UNKNOWN_DEVICE => {
                let is_revoked = code == FaultCode::REVOKED;
                self.standing = if is_revoked { Standing::Revoked } else { Standing::Unknown };
                let delay_ms = self.backoff.refused(jitter);
                actions.extend(self.wait(delay_ms));
            }
            other => {
                match other {
                    FaultCode::VERSION => self.standing = Standing::UpdateNeeded,
                    FaultCode::AUTH => self.standing = Standing::Unproven,
                    FaultCode::LIMIT_OPERATION => {
                        actions.push(Action::Report(Report::OperationTooLarge));
                    }
                    FaultCode::PROTOCOL
                    | FaultCode::CHECKSUM
                    | FaultCode::DECODE
                    | FaultCode::TOO_LARGE => self.n_broken = self.n_broken.saturating_add(1),
                    _ => {}
                }
                let backoff_ms = self.backoff.failed(jitter);
                let named_ms = retry_after_ms.map(|ms| Backoff::no_sooner_than(ms, jitter));
                self.is_told_to_wait = named_ms.is_some_and(|ms| ms > backoff_ms);
                let delay_ms = named_ms.map_or(backoff_ms, |ms| ms.max(backoff_ms));
                actions.extend(self.wait(delay_ms));
            }
        }
        actions
    }

    fn on_timer(&mut self, jitter: u32, timer: Timer) -> Vec<Action> {
        match (timer, &mut self.state) {
            (Timer::Reconnect, State::Waiting) => self.connect(),
            (
                Timer::Handshake,
                State::Connecting | State::Enrolling | State::Greeting | State::Proving(_),
            )
            | (Timer::Stall, State::Live(_)) => self.give_up(jitter),
            (Timer::Healthy, State::Live(_)) => {
                self.backoff.reset();
                Vec::new()
            }
            (Timer::Heartbeat, State::Live(live)) if live.n_unanswered >= UNANSWERED_MAX => {
                self.give_up(jitter)
            }
            (Timer::Heartbeat, State::Live(live)) => {
                live.n_unanswered = live.n_unanswered.saturating_add(1);
                let delay_ms = Backoff::around(live.terms.heartbeat_ms, jitter);
                let mut actions =
                    vec![Action::SendHeartbeat, Action::Arm(Timer::Heartbeat, delay_ms)];
                actions.extend(live.download.check());
                actions.extend(live.upload.pump());
                actions
            }
            // A timer that was disarmed may still ring once.
            (
                Timer::Reconnect
                | Timer::Handshake
                | Timer::Heartbeat
                | Timer::Healthy
                | Timer::Stall
                | Timer::Chores,
                _,
            ) => Vec::new(),
        }
    }
}
