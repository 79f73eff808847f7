//! What takes time inside: parsing, the cipher, the MAC, sealing and opening. Whole commands are
//! timed beside real sops by `scripts/bench.sh`.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark may stop where a test would fail"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mvx::document::{Kind, Value};
use mvx::secret::DataKey;
use mvx::sops::cipher::{Cipher, NoRandomness, Randomness};
use mvx::sops::mac::Mac;
use mvx::sops::metadata::{KeyEntry, Metadata};
use mvx::sops::open::{Check, open, plaintext};
use mvx::sops::seal::Sealer;
use mvx::stores::Format;

/// Distinct bytes without the system's cost: the benchmark is about everything else.
struct Counter(u64);

impl Randomness for Counter {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), NoRandomness> {
        for chunk in buffer.chunks_mut(8) {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            for (byte, next) in chunk.iter_mut().zip(self.0.to_be_bytes()) {
                *byte = next;
            }
        }
        Ok(())
    }
}

fn yaml(keys: usize) -> String {
    let lines: Vec<String> = (0..keys)
        .map(|number| format!("key_{number:05}: value-{number}-abcdefghijk\n"))
        .collect();
    lines.concat()
}

fn json(keys: usize) -> String {
    let entries: Vec<String> = (0..keys)
        .map(|number| format!("  \"key_{number:05}\": \"value-{number}-abcdefghijk\""))
        .collect();
    format!("{{\n{}\n}}\n", entries.join(",\n"))
}

fn stores(c: &mut Criterion) {
    let key = DataKey::from_bytes(&[5; 32]).unwrap();
    for (format, text) in [(Format::Yaml, yaml(10_000)), (Format::Json, json(10_000))] {
        let store = format.store();
        let mut group = c.benchmark_group(format.name());
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("parse 10,000 keys", |b| {
            b.iter(|| store.parse(black_box(text.as_bytes())).unwrap());
        });
        let seal = || {
            let entry = KeyEntry::age("age1example", "armour\n");
            let metadata = Metadata::new(&[vec![entry]], None, None, false);
            let mut random = Counter(1);
            let mut sealer = Sealer {
                store,
                key: &key,
                now: "2026-11-22T12:00:00Z",
                random: &mut random,
            };
            sealer.seal(text.as_bytes(), metadata, None).unwrap().text
        };
        group.bench_function("seal 10,000 keys", |b| b.iter(seal));
        let sealed = seal();
        group.bench_function("parse 10,000 sealed keys", |b| {
            b.iter(|| store.parse(black_box(sealed.as_bytes())).unwrap());
        });
        group.bench_function("open 10,000 keys", |b| {
            b.iter(|| {
                let tree = store.parse(sealed.as_bytes()).unwrap();
                let metadata = Metadata::from_block(tree.meta().unwrap());
                let mut opened = open(&tree, &metadata, &key, Check::Required).unwrap();
                plaintext(store, sealed.as_bytes(), &tree, &mut opened).unwrap()
            });
        });
        group.finish();
    }
}

fn values(c: &mut Criterion) {
    let cipher = Cipher::new(&DataKey::from_bytes(&[5; 32]).unwrap());
    let value = Value::new(Kind::Str, "an invented value of common length");
    let mut random = Counter(1);
    let envelope = cipher
        .encrypt(&value, "a:b:", &mut random)
        .unwrap()
        .unwrap();
    c.bench_function("encrypt one value", |b| {
        b.iter(|| {
            cipher
                .encrypt(black_box(&value), "a:b:", &mut random)
                .unwrap()
        });
    });
    c.bench_function("decrypt one value", |b| {
        b.iter(|| cipher.open(black_box(envelope.as_bytes()), "a:b:").unwrap());
    });
    let large = Value::new(Kind::Str, vec![7; 1 << 20]);
    let mut group = c.benchmark_group("mac");
    group.throughput(Throughput::Bytes(1 << 20));
    group.bench_function("1 MiB", |b| {
        b.iter(|| {
            let mut mac = Mac::new(false);
            mac.add(black_box(&large), true);
            mac.finish()
        });
    });
    group.finish();
}

criterion_group!(benches, stores, values);
criterion_main!(benches);
