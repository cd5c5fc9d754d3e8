//! Random histories against a model of a few lines.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Append(u16),
    AppendMany(u8),
    Ack(u8),
    Safe(u8),
    Lease,
    Trim,
    Prepare,
    Reopen,
    PowerCut(u64),
    FailSync,
    ReIncarnate,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0_u16..3000).prop_map(Step::Append),
        4 => (1_u8..6).prop_map(Step::AppendMany),
        3 => any::<u8>().prop_map(Step::Ack),
        3 => any::<u8>().prop_map(Step::Safe),
        2 => Just(Step::Lease),
        2 => Just(Step::Trim),
        2 => Just(Step::Prepare),
        2 => Just(Step::Reopen),
        2 => any::<u64>().prop_map(Step::PowerCut),
        1 => Just(Step::FailSync),
        1 => Just(Step::ReIncarnate),
    ];
    prop::collection::vec(step, 1..120)
}

/// The operations of the present incarnation, and what is known besides.
#[derive(Debug, Default)]
struct Model {
    contents: Vec<Vec<u8>>,
    acked: u64,
    safe: u64,
    trimmed: u64,
    lease: u64,
    incarnation: u32,
}

impl Model {
    fn len(&self) -> u64 {
        self.contents.len() as u64
    }

    fn check(&self, recorder: &Recorder) {
        let mut hash = ChainHash::START;
        let mut seq = 0;
        let mut found = recorder.iter_from(1);
        for content in &self.contents {
            seq += 1;
            let prev = hash;
            hash = hash.then(seq, content);
            if seq >= recorder.low_seq() {
                let operation = found.next().unwrap().unwrap();
                assert_eq!((operation.seq, operation.prev, operation.hash), (seq, prev, hash));
                assert_eq!(&operation.content, content);
            }
        }
        assert!(found.next().is_none());
        assert_eq!(recorder.head(), Appended { seq, hash });
        assert_eq!(recorder.low_seq(), self.trimmed + 1);
        assert_eq!(recorder.state().safe_seq, self.safe);
        assert_eq!(recorder.state().lease.counter, self.lease);
        assert_eq!(recorder.state().identity.incarnation, self.incarnation);
        assert!(!recorder.state().needs_reincarnation);
    }

    fn take(&mut self, step: &Step, recorder: &mut Recorder, disk: &MemoryDisk) {
        let part = |part: u8, of: u64| of * u64::from(part) / 255;
        match step {
            Step::Append(length) => {
                let content = vec![self.contents.len().to_le_bytes()[0]; usize::from(*length)];
                recorder.append(&content).unwrap();
                self.contents.push(content);
            }
            Step::AppendMany(n) => {
                let group: Vec<Vec<u8>> = (0..*n).map(|n| vec![n; 300]).collect();
                let slices: Vec<&[u8]> = group.iter().map(Vec::as_slice).collect();
                recorder.append_many(&slices).unwrap();
                self.contents.extend(group);
            }
            Step::Ack(to) => {
                let seq = part(*to, self.len()).max(self.trimmed + 1).min(self.len());
                if seq > self.trimmed {
                    recorder.acked(ack(recorder, seq)).unwrap();
                    self.acked = self.acked.max(seq);
                }
            }
            Step::Safe(to) => {
                let seq = part(*to, self.acked);
                recorder.safe(seq).unwrap();
                self.safe = self.safe.max(seq);
            }
            Step::Lease => {
                self.lease += 1;
                let bytes = vec![7; usize::try_from(self.lease * 37 % 1024).unwrap()];
                recorder.lease(Lease { counter: self.lease, bytes }).unwrap();
            }
            Step::Trim => self.trimmed += recorder.trim().unwrap(),
            Step::Prepare => drop(recorder.prepare().unwrap()),
            Step::Reopen => *recorder = open(disk).0,
            Step::PowerCut(seed) => {
                disk.cut_power(Cut::Torn { seed: *seed });
                *recorder = open(disk).0;
                // An ack may be lost, but only if nothing was synced after it.
                self.acked = recorder.state().acked.seq;
            }
            Step::FailSync => {
                disk.fail_syncs(1);
                recorder.append_many(&[b"refused", b"too"]).unwrap_err();
                recorder.reopen().unwrap_or_else(|_| recorder.reopen().unwrap());
                self.acked = recorder.state().acked.seq;
            }
            Step::ReIncarnate => {
                self.incarnation += 1;
                let identity = Identity { incarnation: self.incarnation, ..identity() };
                recorder.re_incarnate(identity, Lease::default()).unwrap();
                let trimmed = usize::try_from(self.trimmed).unwrap();
                let contents = self.contents.split_off(trimmed);
                let incarnation = self.incarnation;
                *self = Self { contents, incarnation, ..Self::default() };
            }
        }
    }
}

/// Two notes in one sector, the second one reaching into the next: the sector that is kept has both.
#[test]
fn a_torn_second_ack_costs_no_operation() {
    let lengths = [415, 2375, 2311];
    for seed in 0..64 {
        let disk = MemoryDisk::new();
        let mut recorder = create(&disk);
        let mut model = Model { incarnation: 1, ..Model::default() };
        let appends = lengths.into_iter().flat_map(|length| [Step::Append(length), Step::Reopen]);
        let before = [Step::Ack(0), Step::Lease].into_iter().chain(appends);
        let after = [Step::Reopen, Step::Ack(0), Step::Ack(170), Step::PowerCut(seed)];
        for step in before.chain(after) {
            model.take(&step, &mut recorder, &disk);
            model.check(&recorder);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_reads_back_as_the_model_says(steps in steps()) {
        let disk = MemoryDisk::new();
        let mut recorder = create(&disk);
        let mut model = Model { incarnation: 1, ..Model::default() };
        for step in &steps {
            model.take(step, &mut recorder, &disk);
            model.check(&recorder);
        }
    }
}
