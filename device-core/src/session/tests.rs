use std::collections::BTreeSet;

use proptest::prelude::*;
use protocol::frame::{FaultCode, Limits, Resume};
use protocol::identity::{Lsn, Seq};

use super::*;

const HALF: u32 = 1 << 31;

fn terms() -> Terms {
    Terms { heartbeat_ms: 15_000, limits: Limits::DEFAULT }
}

fn admission(accepted: u64, recorded: u64) -> Admission {
    Admission {
        accepted: Seq(accepted),
        recorded: Seq(recorded),
        resume: Resume::Delta,
        head: Lsn(9),
        cursor: Lsn(5),
    }
}

/// A session that remembers which timers are armed, and what it wanted last.
struct Talk {
    session: Session,
    armed: BTreeSet<Timer>,
    last: Vec<Action>,
}

impl Talk {
    fn new() -> Self {
        let session = Session::new(Patience::default(), true);
        Self { session, armed: BTreeSet::new(), last: Vec::new() }
    }

    fn step(&mut self, event: Event) -> &mut Self {
        self.step_with(HALF, event)
    }

    fn step_with(&mut self, jitter: u32, event: Event) -> &mut Self {
        if let Event::Timer(timer) = event {
            self.armed.remove(&timer);
        }
        let (session, actions) = self.session.clone().step(jitter, event);
        for action in &actions {
            match action {
                Action::Arm(timer, _) => drop(self.armed.insert(*timer)),
                Action::Disarm(timer) => drop(self.armed.remove(timer)),
                _ => {}
            }
        }
        self.session = session;
        self.last = actions;
        self
    }

    /// A session that stands, with operations up to `recorded`, of which `accepted` are known.
    fn live(accepted: u64, recorded: u64) -> Self {
        let mut talk = Self::new();
        talk.step(Event::NetworkUp).step(Event::Timer(Timer::Reconnect)).step(Event::Connected);
        talk.step(Event::Challenged(terms())).step(Event::Admitted(admission(accepted, recorded)));
        talk
    }

    fn wants(&self, wish: impl Fn(&Action) -> bool) -> bool {
        self.last.iter().any(wish)
    }

    fn pushes_from(&self) -> Option<u64> {
        self.last.iter().find_map(|action| match action {
            Action::Push { from, .. } => Some(from.0),
            _ => None,
        })
    }

    fn wait_ms(&self) -> Option<u32> {
        self.last.iter().find_map(|action| match action {
            Action::Arm(Timer::Reconnect, ms) => Some(*ms),
            _ => None,
        })
    }

    fn is_waiting(&self) -> bool {
        *self.session.state() == State::Waiting
    }
}

fn is_subscribe(action: &Action) -> bool {
    matches!(action, Action::Subscribe { .. })
}

#[test]
fn the_handshake_goes_from_hello_to_feed_and_upload() {
    let mut talk = Talk::new();
    talk.step(Event::NetworkUp);
    assert_eq!(talk.wait_ms(), Some(1_000), "half of the two seconds after the network came up");
    talk.step(Event::Timer(Timer::Reconnect));
    assert!(talk.wants(|action| *action == Action::Connect));
    talk.step(Event::Connected);
    assert!(talk.wants(|action| *action == Action::SendHello));
    talk.step(Event::Challenged(terms()));
    assert!(talk.wants(|action| *action == Action::SendAuth));
    talk.step(Event::Admitted(admission(2, 7)));
    let first = talk.last.iter().position(|action| *action == Action::SendLeaseOk).unwrap();
    let feed = talk.last.iter().position(is_subscribe).unwrap();
    assert!(first < feed, "LEASE_OK is the first frame after WELCOME");
    assert_eq!(talk.pushes_from(), Some(3));
    assert!(talk.wants(|action| *action == Action::Report(Report::Link(LinkState::Online))));
}

#[test]
fn a_device_without_a_server_waits_for_a_code_and_enrols_with_it() {
    let mut talk = Talk::new();
    talk.session = Session::new(Patience::default(), false);
    talk.step(Event::NetworkUp);
    assert_eq!(*talk.session.state(), State::Idle);
    talk.step(Event::EnrolWanted).step(Event::Connected);
    assert!(talk.wants(|action| *action == Action::SendEnrol));
    talk.step(Event::Enrolled);
    assert!(talk.wants(|action| *action == Action::Close));
    assert!(talk.wants(|action| *action == Action::Connect), "at once: nothing has failed");
    talk.step(Event::Connected);
    assert!(talk.wants(|action| *action == Action::SendHello));
}

#[test]
fn a_refused_code_is_forgotten() {
    let mut talk = Talk::new();
    talk.session = Session::new(Patience::default(), false);
    talk.step(Event::EnrolWanted).step(Event::Connected);
    talk.step(Event::Faulted { code: FaultCode::ENROLMENT, retry_after_ms: None });
    assert!(talk.wants(|action| *action == Action::ForgetCode));
    assert!(talk.wants(|action| *action == Action::Report(Report::EnrolmentRefused)));
    assert_eq!(*talk.session.state(), State::Idle);
    assert!(talk.armed.is_empty());
}

#[test]
fn pushes_fill_the_window_and_each_acknowledgement_opens_it() {
    let mut talk = Talk::live(0, 5_000);
    let (mut last, mut n_pushes) = (0, 0);
    while let Some(from) = talk.pushes_from() {
        assert_eq!(from, last + 1);
        last += 500;
        n_pushes += 1;
        talk.step(Event::Pushed { last: Seq(last), bytes: 100 << 10 });
    }
    assert_eq!(n_pushes, 3, "the third one fits in part, so the window of 256 KiB is full");
    talk.step(Event::Recorded(Seq(5_001)));
    assert_eq!(talk.pushes_from(), None, "the window is full");
    talk.step(Event::Acked(Seq(500)));
    assert_eq!(talk.pushes_from(), Some(1_501));
}

#[test]
fn a_push_is_never_larger_than_the_room_in_the_window() {
    let mut talk = Talk::live(0, 5_000);
    talk.step(Event::Pushed { last: Seq(1), bytes: 128 << 10 });
    talk.step(Event::Pushed { last: Seq(2), bytes: 100 << 10 });
    assert!(talk.wants(|action| matches!(action, Action::Push { bytes_max, .. }
        if *bytes_max == 28 << 10)));
}

#[test]
fn a_recorded_operation_is_pushed_at_once() {
    let mut talk = Talk::live(3, 3);
    assert_eq!(talk.pushes_from(), None);
    talk.step(Event::Recorded(Seq(4)));
    assert_eq!(talk.pushes_from(), Some(4));
}

#[test]
fn a_nack_rewinds_once_although_each_push_behind_the_gap_gets_one() {
    let mut talk = Talk::live(0, 1_000);
    talk.step(Event::Pushed { last: Seq(100), bytes: 10 });
    talk.step(Event::Pushed { last: Seq(1_000), bytes: 10 });
    talk.step(Event::Acked(Seq(40)));
    talk.step(Event::Wanted(Seq(41)));
    assert_eq!(talk.pushes_from(), Some(41));
    talk.step(Event::Pushed { last: Seq(1_000), bytes: 10 });
    talk.step(Event::Wanted(Seq(41)));
    assert_eq!(talk.pushes_from(), None, "it is under way");
    talk.step(Event::Wanted(Seq(7)));
    assert_eq!(talk.pushes_from(), None, "the server has that one: it has said so");
}

#[test]
fn a_feed_in_trouble_leaves_the_upload_alone_and_the_other_way_round() {
    let mut talk = Talk::live(0, 0);
    for trouble in [Event::FeedGap, Event::ReplicaLost, Event::ReplicaFailed] {
        talk.step(trouble);
        assert!(matches!(talk.session.state(), State::Live(_)));
    }
    talk.step(Event::Recorded(Seq(1)));
    assert_eq!(talk.pushes_from(), Some(1));
    // The upload is stuck: nothing is acknowledged. The feed goes on.
    talk.step(Event::Pushed { last: Seq(1), bytes: 1 << 20 });
    talk.step(Event::Applied(Lsn(8)));
    assert_eq!(talk.session.live().unwrap().download.cursor, Lsn(8));
    talk.step(Event::FeedGap);
    assert!(talk.wants(is_subscribe));
}

#[test]
fn a_lost_replica_asks_for_a_snapshot_and_a_gap_for_the_rest() {
    let mut talk = Talk::live(0, 0);
    talk.step(Event::ReplicaLost);
    assert!(talk.wants(|action| *action == Action::Subscribe { from_scratch: true }));
    talk.step(Event::FeedGap);
    assert!(talk.wants(|action| *action == Action::Subscribe { from_scratch: false }));
    talk.step(Event::Faulted { code: FaultCode::CURSOR_TOO_OLD, retry_after_ms: None });
    assert!(talk.wants(|action| *action == Action::Subscribe { from_scratch: true }));
}

#[test]
fn a_silent_server_is_given_up_after_two_unanswered_heartbeats() {
    let mut talk = Talk::live(0, 0);
    for _ in 0..2 {
        talk.step(Event::Timer(Timer::Heartbeat));
        assert!(talk.wants(|action| *action == Action::SendHeartbeat));
    }
    talk.step(Event::Heard).step(Event::Timer(Timer::Heartbeat));
    assert!(talk.wants(|action| *action == Action::SendHeartbeat), "any frame is a sign of life");
    talk.step(Event::Timer(Timer::Heartbeat)).step(Event::Timer(Timer::Heartbeat));
    assert!(talk.is_waiting() && talk.wants(|action| *action == Action::Close));
}

#[test]
fn a_push_that_nobody_acknowledges_ends_the_session() {
    let mut talk = Talk::live(0, 4);
    talk.step(Event::Pushed { last: Seq(4), bytes: 10 });
    assert!(talk.armed.contains(&Timer::Stall));
    talk.step(Event::Acked(Seq(4)));
    assert!(!talk.armed.contains(&Timer::Stall));
    talk.step(Event::Recorded(Seq(5))).step(Event::Pushed { last: Seq(5), bytes: 10 });
    talk.step(Event::Timer(Timer::Stall));
    assert!(talk.is_waiting() && talk.armed.contains(&Timer::Reconnect));
}

#[test]
fn the_heartbeat_asks_again_for_a_feed_that_should_move() {
    let mut talk = Talk::live(0, 0);
    let mut asked = 0;
    for _ in 0..4 {
        talk.step(Event::Timer(Timer::Heartbeat)).step(Event::Heard);
        asked += usize::from(talk.session.live().unwrap().download.cursor < Lsn(9));
    }
    assert_eq!(asked, 4);
    talk.step(Event::Timer(Timer::Heartbeat));
    let mut again = talk.wants(is_subscribe);
    for _ in 0..3 {
        talk.step(Event::Heard).step(Event::Timer(Timer::Heartbeat));
        again |= talk.wants(is_subscribe);
    }
    assert!(again);
    talk.step(Event::Applied(Lsn(9)));
    for _ in 0..5 {
        talk.step(Event::Heard).step(Event::Timer(Timer::Heartbeat));
        assert!(!talk.wants(is_subscribe), "nothing is missing");
    }
}

#[test]
fn the_heartbeat_pushes_what_no_other_event_has_pushed() {
    let mut talk = Talk::live(0, 2);
    talk.step(Event::NothingToPush);
    talk.step(Event::Timer(Timer::Heartbeat));
    assert_eq!(talk.pushes_from(), Some(1));
}

#[test]
fn failures_back_off_and_only_a_healthy_session_forgets_them() {
    let mut talk = Talk::new();
    talk.step(Event::NetworkUp);
    let mut waits = Vec::new();
    for _ in 0..9 {
        talk.step(Event::Timer(Timer::Reconnect)).step(Event::Disconnected);
        waits.push(talk.wait_ms().unwrap());
    }
    assert_eq!(waits, [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    let welcome = |talk: &mut Talk| {
        talk.step(Event::Timer(Timer::Reconnect)).step(Event::Connected);
        talk.step(Event::Challenged(terms())).step(Event::Admitted(admission(0, 0)));
    };
    welcome(&mut talk);
    talk.step(Event::Disconnected);
    assert_eq!(talk.wait_ms(), Some(30_000), "a connection alone proves nothing");
    welcome(&mut talk);
    talk.step(Event::Timer(Timer::Healthy)).step(Event::Disconnected);
    assert_eq!(talk.wait_ms(), Some(250));
}

#[test]
fn a_new_operation_shortens_the_wait_once() {
    let mut talk = Talk::new();
    talk.step(Event::NetworkUp);
    for _ in 0..9 {
        talk.step(Event::Timer(Timer::Reconnect)).step(Event::Disconnected);
    }
    talk.step(Event::Recorded(Seq(1)));
    assert_eq!(talk.wait_ms(), Some(1_000));
    talk.step(Event::Recorded(Seq(2)));
    assert_eq!(talk.wait_ms(), None);
}

#[test]
fn a_window_of_the_server_overrides_the_backoff() {
    let window = Window { min_ms: 4_000, max_ms: 8_000 };
    let mut talk = Talk::live(0, 0);
    talk.step(Event::ToldToGo(window));
    assert_eq!(talk.wait_ms(), Some(6_000));
    talk.step(Event::Timer(Timer::Reconnect)).step(Event::Connected);
    talk.step(Event::RetryLater(window));
    assert_eq!(talk.wait_ms(), Some(6_000));
    talk.step(Event::Timer(Timer::Reconnect)).step(Event::Connected);
    talk.step(Event::Faulted { code: FaultCode::BUSY, retry_after_ms: Some(7_000) });
    assert_eq!(talk.wait_ms(), Some(10_500), "not all of those who were told so at once");
}

#[test]
fn an_operation_does_not_shorten_a_wait_that_the_server_named() {
    let window = Window { min_ms: 4_000, max_ms: 8_000 };
    let mut talk = Talk::live(0, 0);
    talk.step(Event::ToldToGo(window)).step(Event::Recorded(Seq(1)));
    assert_eq!(talk.wait_ms(), None, "it stays as it is");
    assert!(talk.armed.contains(&Timer::Reconnect));
    talk.step(Event::Timer(Timer::Reconnect)).step(Event::Disconnected);
    talk.step(Event::Recorded(Seq(2)));
    assert_eq!(talk.wait_ms(), Some(1_000), "the next wait is its own again");
}

#[test]
fn a_suspended_device_uploads_and_nothing_else() {
    let mut talk = Talk::live(0, 0);
    talk.step(Event::Faulted { code: FaultCode::SUSPENDED, retry_after_ms: None });
    assert_eq!(talk.session.standing(), Standing::Suspended);
    talk.step(Event::Recorded(Seq(1)));
    assert_eq!(talk.pushes_from(), Some(1));
    talk.step(Event::FeedGap);
    assert!(!talk.wants(is_subscribe));
}

#[test]
fn a_device_that_is_not_wanted_still_tries_now_and_then() {
    for (code, standing) in [
        (FaultCode::REVOKED, Standing::Revoked),
        (FaultCode::UNKNOWN_DEVICE, Standing::Unknown),
        (FaultCode::VERSION, Standing::UpdateNeeded),
        (FaultCode::AUTH, Standing::Unproven),
    ] {
        let mut talk = Talk::live(0, 0);
        talk.step(Event::Faulted { code, retry_after_ms: None });
        assert_eq!(talk.session.standing(), standing);
        assert!(talk.is_waiting() && talk.wait_ms().is_some(), "{standing:?}");
        assert!(talk.wants(|action| *action == Action::Report(Report::Standing(standing))));
    }
}

#[test]
fn three_broken_frames_in_a_row_make_frames_small_and_plain() {
    let mut talk = Talk::new();
    talk.step(Event::NetworkUp);
    for n in 1..=10 {
        talk.step(Event::Timer(Timer::Reconnect)).step(Event::Connected);
        talk.step(Event::BadFrame(FaultCode::CHECKSUM));
        assert!(talk.wants(|action| *action == Action::SendFault(FaultCode::CHECKSUM)));
        assert_eq!(talk.session.is_careful(), n >= 3);
    }
    assert!(talk.wants(|action| *action == Action::Report(Report::BrokenFrames(10))));
    talk.step(Event::Timer(Timer::Reconnect)).step(Event::Connected);
    talk.step(Event::Challenged(terms())).step(Event::Admitted(admission(0, 9)));
    assert!(talk.wants(|action| matches!(action, Action::Push { bytes_max, .. }
        if *bytes_max == 32 << 10)));
    talk.step(Event::Heard);
    assert!(!talk.session.is_careful());
}

#[test]
fn a_frame_out_of_its_place_ends_the_connection() {
    let mut talk = Talk::live(0, 0);
    talk.step(Event::Challenged(terms()));
    assert!(talk.is_waiting());
    talk.step(Event::Challenged(terms()));
    assert!(talk.last.is_empty(), "of a connection that is gone");
}

fn any_event() -> impl Strategy<Value = Event> {
    let faults = prop::sample::select(vec![
        FaultCode::PROTOCOL,
        FaultCode::VERSION,
        FaultCode::BUSY,
        FaultCode::AUTH,
        FaultCode::UNKNOWN_DEVICE,
        FaultCode::SUSPENDED,
        FaultCode::REVOKED,
        FaultCode::ENROLMENT,
        FaultCode::GAP,
        FaultCode::FORK,
        FaultCode::CURSOR_TOO_OLD,
        FaultCode::SNAPSHOT_GONE,
        FaultCode::INTERNAL,
    ]);
    let timers = prop::sample::select(vec![
        Timer::Reconnect,
        Timer::Handshake,
        Timer::Heartbeat,
        Timer::Healthy,
        Timer::Stall,
    ]);
    let seq = (0_u64..50).prop_map(Seq);
    prop_oneof![
        1 => Just(Event::NetworkUp),
        1 => Just(Event::TryNow),
        1 => Just(Event::EnrolWanted),
        4 => Just(Event::Connected),
        1 => Just(Event::Disconnected),
        1 => Just(Event::Enrolled),
        4 => Just(Event::Challenged(terms())),
        4 => (0_u64..20, 20_u64..50).prop_map(|(a, r)| Event::Admitted(admission(a, r))),
        1 => Just(Event::RetryLater(Window { min_ms: 1, max_ms: 9 })),
        1 => Just(Event::ToldToGo(Window { min_ms: 1, max_ms: 9 })),
        1 => Just(Event::ReIncarnated),
        1 => seq.clone().prop_map(Event::Recorded),
        1 => seq.clone().prop_map(|last| Event::Pushed { last, bytes: 9_000 }),
        1 => Just(Event::NothingToPush),
        1 => seq.clone().prop_map(Event::Acked),
        1 => seq.prop_map(Event::Wanted),
        1 => (0_u64..50).prop_map(|lsn| Event::Applied(Lsn(lsn))),
        1 => Just(Event::FeedGap),
        1 => Just(Event::ReplicaLost),
        1 => Just(Event::Heard),
        1 => Just(Event::BadFrame(FaultCode::DECODE)),
        1 => faults.prop_map(|code| Event::Faulted { code, retry_after_ms: None }),
        1 => Just(Event::RecorderFailed),
        4 => timers.prop_map(Event::Timer),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_ever_waits_without_a_timer(
        events in prop::collection::vec((any::<u32>(), any_event()), 1..200),
        is_enrolled: bool,
    ) {
        let mut talk = Talk::new();
        talk.session = Session::new(Patience::default(), is_enrolled);
        for (jitter, event) in events {
            if let Event::Timer(timer) = event
                && !talk.armed.contains(&timer)
            {
                continue;
            }
            talk.step_with(jitter, event);
            let needed = match talk.session.state() {
                State::Idle => continue,
                State::Waiting => Timer::Reconnect,
                State::Connecting | State::Enrolling | State::Greeting | State::Proving(_) => {
                    Timer::Handshake
                }
                State::Live(_) => Timer::Heartbeat,
            };
            prop_assert!(talk.armed.contains(&needed), "{:?} after {event:?}", talk.session.state());
            if let Some(live) = talk.session.live() {
                let waits = live.upload.unacked_bytes() > 0;
                prop_assert!(!waits || talk.armed.contains(&Timer::Stall));
            }
        }
    }
}
