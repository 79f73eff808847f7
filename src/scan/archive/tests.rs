use proptest::prelude::*;
use zlib_rs::{Deflate, DeflateFlush};

use super::*;

fn deflated(text: &[u8]) -> Vec<u8> {
    let mut deflate = Deflate::new(6, false, 15);
    let mut packed = vec![0; text.len() + 1024];
    deflate
        .compress(text, &mut packed, DeflateFlush::Finish)
        .unwrap();
    packed.truncate(usize::try_from(deflate.total_out()).unwrap());
    packed
}

fn gzipped(name: &str, text: &[u8]) -> Vec<u8> {
    let mut file = b"\x1f\x8b\x08\x08\0\0\0\0\0\x03".to_vec();
    file.extend(name.as_bytes());
    file.push(0);
    file.extend(deflated(text));
    file.extend([0; 8]);
    file
}

/// Name, method, flags, packed data.
type Packed<'a> = (&'a str, u16, u16, Vec<u8>);

fn packed<'a>(name: &'a str, text: &[u8]) -> Packed<'a> {
    (name, 8, 0, deflated(text))
}

fn zip(entries: &[Packed<'_>]) -> Vec<u8> {
    let short = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
    let long = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for (name, method, flags, data) in entries {
        let at = file.len();
        let mut middle = Vec::new();
        middle.extend(flags.to_le_bytes());
        middle.extend(method.to_le_bytes());
        middle.extend([0; 8]);
        middle.extend(long(data.len()));
        middle.extend([0; 4]);
        middle.extend(short(name.len()));
        middle.extend([0; 2]);
        file.extend(b"PK\x03\x04\x14\0");
        file.extend(&middle);
        file.extend(name.as_bytes());
        file.extend(data);
        directory.extend(b"PK\x01\x02\x14\0\x14\0");
        directory.extend(&middle);
        directory.extend([0; 10]);
        directory.extend(long(at));
        directory.extend(name.as_bytes());
    }
    let at = file.len();
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(short(entries.len()));
    file.extend(short(entries.len()));
    file.extend(long(directory.len()));
    file.extend(long(at));
    file.extend([0; 2]);
    file
}

fn tar(entries: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    for (name, kind, data) in entries {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{:011o}", data.len()).as_bytes());
        header[148..156].fill(b' ');
        header[156] = *kind;
        header[257..263].copy_from_slice(b"ustar\0");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        file.extend(header);
        file.extend(*data);
        file.resize(file.len().next_multiple_of(512), 0);
    }
    file.resize(file.len() + 1024, 0);
    file
}

fn limits() -> Limits {
    Limits::to_depth(3)
}

fn names(bytes: &[u8], limits: &Limits) -> (Vec<String>, Opened) {
    let mut seen = Vec::new();
    let opened = each(bytes, limits, &mut |name, bytes| {
        seen.push(format!("{name} {}", bytes.len()));
    });
    (seen, opened)
}

#[test]
fn every_kind_is_opened_and_each_inside_each_other() {
    let inner = zip(&[packed("x/y.py", b"token"), ("s", 0, 0, b"plain".to_vec())]);
    let inside = tar(&[("d/", b'5', b""), ("d/a.jar", b'0', &inner)]);
    let file = gzipped("t.tar", &inside);
    assert_eq!(kind(&file), Some(Kind::Gzip));
    let (seen, opened) = names(&file, &limits());
    let jar = format!("d/a.jar {}", inner.len());
    assert_eq!(seen, [jar.as_str(), "d/a.jar!x/y.py 5", "d/a.jar!s 5"]);
    assert_eq!((opened.archives, opened.stopped), (2, None));
    let (seen, _) = names(&gzipped("a.sql", b"select"), &limits());
    assert_eq!(seen, ["a.sql 6"]);
    // members one behind the other, and what a tape's padding leaves
    let twice = [gzipped("a", b"one"), gzipped("b", b"two"), vec![0; 99]].concat();
    assert_eq!(names(&twice, &limits()).0, ["a 6"]);
    // behind a program that unpacks itself
    let file = [b"MZ program".as_slice(), &inner].concat();
    assert_eq!(kind(&file), None);
    let directory = zip::Directory::of(&file).unwrap();
    assert_eq!(directory.flatten().count(), 2);
}

#[test]
fn long_names_of_tar_are_read() {
    let file = tar(&[
        ("././@LongLink", b'L', b"long/name/of/gnu.txt\0"),
        ("short", b'0', b"1"),
        ("pax", b'x', b"29 path=long/name/of/pax.txt\n9 size=2\n"),
        ("short", b'0', b"22"),
        ("link", b'2', b""),
        ("old", 0, b"333"),
    ]);
    let (seen, opened) = names(&file, &limits());
    assert_eq!(opened.stopped, None);
    assert_eq!(
        seen,
        ["long/name/of/gnu.txt 1", "long/name/of/pax.txt 2", "old 3"]
    );
}

#[test]
fn what_cannot_be_opened_is_told() {
    let file = zip(&[
        ("locked", 8, 1, vec![1; 30]),
        ("other", 12, 0, vec![1; 30]),
        packed("a.xz", b"\xfd7zXZ\0 and so on"),
        packed("a.py", b"token"),
    ]);
    let (seen, opened) = names(&file, &limits());
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert_eq!((opened.locked, opened.closed, opened.stopped), (1, 2, None));
    assert_eq!(kind(b"BZh91AY&SY"), Some(Kind::Other("bzip2")));
    assert_eq!(kind(b"BZhello there"), None);
}

#[test]
fn limits_are_never_silent() {
    let stop = |file: &[u8], limits: Limits| names(file, &limits).1.stopped.map(|(_, stop)| stop);
    let nested = zip(&[packed("b.zip", &zip(&[packed("c.zip", &zip(&[]))]))]);
    assert_eq!(stop(&nested, Limits::to_depth(3)), None);
    assert_eq!(stop(&nested, Limits::to_depth(2)), Some(Stop::Depth));
    let wide = zip(&[packed("a", &[0; 4000]), packed("b", &[0; 4000])]);
    for (limits, expected) in [
        (
            Limits {
                entry: 3999,
                ..limits()
            },
            Stop::Entry,
        ),
        (
            Limits {
                total: 7999,
                ..limits()
            },
            Stop::Total,
        ),
        (
            Limits {
                entries: 1,
                ..limits()
            },
            Stop::Entries,
        ),
    ] {
        assert_eq!(stop(&wide, limits), Some(expected));
    }
    // 100 MB of zeros in 100 kB, as gzip and as zip
    let zeros = vec![0; 100 << 20];
    assert_eq!(stop(&gzipped("a", &zeros), limits()), Some(Stop::Ratio));
    assert_eq!(
        stop(&zip(&[packed("a", &zeros)]), limits()),
        Some(Stop::Ratio)
    );
}

#[test]
fn what_is_broken_is_not_taken_for_empty() {
    let zip = zip(&[packed("a", &[7; 4000])]);
    let tar = tar(&[("a", b'0', &[7; 4000])]);
    let gzip = gzipped("a", &[7; 4000]);
    for whole in [zip, tar, gzip] {
        let cut = &whole[..whole.len() / 2];
        let (_, opened) = names(cut, &limits());
        let stop = opened.stopped.map(|(_, stop)| stop);
        assert_eq!(stop, Some(Stop::Broken), "{:?}", kind(cut));
    }
}

proptest! {
    #[test]
    fn no_damage_does_more_than_stop_it(at in 0usize..2000, value: u8, length in 0usize..2000) {
        let inner = zip(&[packed("x/y.py", b"token"), ("s", 0, 0, b"plain".to_vec())]);
        let files = [
            inner.clone(),
            tar(&[("d/a.jar", b'0', &inner), ("n", b'x', b"9 size=3\n"), ("b", b'0', b"333")]),
            gzipped("t", &tar(&[("a", b'0', b"x")])),
        ];
        for mut file in files {
            let at = at % file.len();
            file[at] = value;
            names(&file, &limits());
            file.truncate(length);
            names(&file, &limits());
        }
    }
}
