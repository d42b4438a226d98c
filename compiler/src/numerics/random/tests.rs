//! Expected values by NumPy 2.4.6: the first four, and a sum over all bits of a long run.

// Expected values are what they are.
#![allow(clippy::approx_constant, clippy::excessive_precision)]

use super::*;

/// Compares the first values, and `sum of bits(i) * (2i + 1)` over `count` of them.
fn check(name: &str, first: &[f64], checksum: u64, count: u64, mut draw: impl FnMut() -> f64) {
    check_bits(name, &first.iter().map(|x| x.to_bits()).collect::<Vec<_>>(), checksum, count, || {
        draw().to_bits()
    });
}

fn check_bits(name: &str, first: &[u64], checksum: u64, count: u64, mut draw: impl FnMut() -> u64) {
    let mut sum = 0;
    for index in 0..count {
        let bits = draw();
        if let Some(&expected) = first.get(index as usize) {
            assert_eq!(
                bits,
                expected,
                "{name}: draw {index}: {} not {}",
                f64::from_bits(bits),
                f64::from_bits(expected)
            );
        }
        sum ^= bits.wrapping_mul(2 * index + 1);
    }
    assert_eq!(sum, checksum, "{name}: the first values are right, a later one is not");
}

fn check_ints(name: &str, first: &[i64], checksum: u64, mut draw: impl FnMut() -> i64) {
    check_bits(name, &first.iter().map(|&x| x as u64).collect::<Vec<_>>(), checksum, 100_000, || {
        draw() as u64
    });
}

const MILLION: u64 = 1_000_000;

#[test]
fn legacy_floats() {
    let mut source = Mt19937::new(42);
    check(
        "random",
        &[0.3745401188473625, 0.9507143064099162, 0.7319939418114051, 0.5986584841970366],
        0xe86a_765a_11f2_4055,
        MILLION,
        || source.next_f64(),
    );
    let mut source = Mt19937::new(7);
    check(
        "uniform",
        &[-0.6947668425041713, 2.1196751689604585, 0.753636925763574, 1.8938607113237649],
        0xaf8b_c3b4_9606_92db,
        MILLION,
        || legacy::uniform(&mut source, -1.0, 3.0),
    );
    let (mut source, mut kept) = (Mt19937::new(42), None);
    check(
        "normal",
        &[0.4967141530112327, -0.13826430117118466, 0.6476885381006925, 1.5230298564080254],
        0xcc00_e402_28fe_0612,
        MILLION,
        || legacy::standard_normal(&mut source, &mut kept),
    );
    let mut source = Mt19937::new(42);
    check(
        "exponential",
        &[0.4692680899768591, 3.010121430917521, 1.3167456935454493, 0.9129425537759532],
        0xa7a3_7567_b3dd_3cb4,
        MILLION,
        || legacy::standard_exponential(&mut source),
    );
}

#[test]
fn legacy_integers() {
    let mut source = Mt19937::new(42);
    check_ints("0..10", &[6, 3, 7, 4], 0x0000_0000_0011_6e18, || legacy::randint(&mut source, 0, 10));
    let mut source = Mt19937::new(42);
    check_ints(
        "-5..1000000007",
        &[534895713, 199900590, 862061399, 787846409],
        0x0000_1653_248b_7669,
        || legacy::randint(&mut source, -5, 1000000007),
    );
    let mut source = Mt19937::new(42);
    check_ints(
        "0..4294967296",
        &[1608637542, 3421126067, 4083286876, 787846414],
        0x0003_d978_c2a1_80ef,
        || legacy::randint(&mut source, 0, 4294967296),
    );
    let mut source = Mt19937::new(42);
    check_ints(
        "0..8589934597",
        &[787846414, 2563451924, 4537253172, 7395928407],
        0x0000_2db0_a993_098d,
        || legacy::randint(&mut source, 0, 8589934597),
    );
    let mut source = Mt19937::new(42);
    check_ints(
        "-9223372036854775808..9223372036854775807",
        &[-2314326399425823309, 8314211556539077902, 4279532810384561223, 1819927849474927636],
        0x6ed2_f205_5af4_5c05,
        || legacy::randint(&mut source, i64::MIN, i64::MAX),
    );
    let mut source = Mt19937::new(42);
    check_ints("3..4", &[3, 3, 3, 3], 0x0000_0000_000a_2a80, || legacy::randint(&mut source, 3, 4));
}

#[test]
fn generator_floats() {
    let mut source = Pcg64::new(42);
    check(
        "random",
        &[0.7739560485559633, 0.4388784397520523, 0.8585979199113825, 0.6973680290593639],
        0xae48_cc9f_c773_3017,
        MILLION,
        || source.next_f64(),
    );
    let mut source = Pcg64::new(7);
    check(
        "uniform",
        &[1.5003818664186679, 2.588855203878302, 2.102742760980774, -0.09917124003763256],
        0xeb93_0c81_1a76_5f12,
        MILLION,
        || generator::uniform(&mut source, -1.0, 3.0),
    );
    let mut source = Pcg64::new(42);
    check(
        "normal",
        &[0.30471707975443135, -1.0399841062404955, 0.7504511958064572, 0.9405647163912139],
        0x983f_c5af_f161_1455,
        MILLION,
        || generator::standard_normal(&mut source),
    );
    let mut source = Pcg64::new(7);
    check(
        "scaled normal",
        &[1.002460306714965, 1.5974910750169398, 0.45172428927556485, -0.7811836775145484],
        0xf546_b4b6_4bf2_7135,
        MILLION,
        || generator::normal(&mut source, 1.0, 2.0),
    );
    let mut source = Pcg64::new(42);
    check(
        "exponential",
        &[2.4042086039659947, 2.3361896558244535, 2.384760999874255, 0.2797942898515832],
        0xec53_1c57_fb4b_1e5d,
        MILLION,
        || generator::standard_exponential(&mut source),
    );
}

#[test]
fn generator_integers() {
    let mut source = Pcg64::new(42);
    check_ints("0..10", &[0, 7, 6, 4], 0x0000_0000_000b_6a00, || generator::integers(&mut source, 0, 10));
    let mut source = Pcg64::new(42);
    check_ints("-5..1000000007", &[89250949, 773956052, 654571521, 438878439], 0x0000_4969_70ed_a511, || {
        generator::integers(&mut source, -5, 1000000007)
    });
    let mut source = Pcg64::new(42);
    check_ints(
        "0..4294967296",
        &[383329928, 3324115917, 2811363265, 1884968545],
        0x0000_8ad0_b03c_f816,
        || generator::integers(&mut source, 0, 4294967296),
    );
    let mut source = Pcg64::new(42);
    check_ints(
        "0..8589934597",
        &[6648231838, 3769937093, 7375299977, 5990345759],
        0x0000_221b_61f3_7414,
        || generator::integers(&mut source, 0, 8589934597),
    );
    let mut source = Pcg64::new(42);
    check_ints(
        "-9223372036854775808..9223372036854775807",
        &[5053597115156604551, -1127493779279708224, 6614964053969868323, 3640797520390555788],
        0xde4a_94d7_588d_35b0,
        || generator::integers(&mut source, i64::MIN, i64::MAX),
    );
    let mut source = Pcg64::new(42);
    check_ints("3..4", &[3, 3, 3, 3], 0x0000_0000_000a_2a80, || generator::integers(&mut source, 3, 4));
    let mut source = Pcg64::new(42);
    check_ints(
        "0..4294967295",
        &[383329927, 3324115916, 2811363264, 1884968544],
        0x0000_8ad1_93a1_173a,
        || generator::integers(&mut source, 0, 4294967295),
    );
}

#[test]
fn integers_of_an_empty_range_do_not_hang() {
    let mut source = Pcg64::new(0);
    assert_eq!((generator::integers(&mut source, 5, 5), legacy::randint(&mut source, 5, -5)), (5, 5));
}

#[test]
fn kinds_of_draws_mix() {
    let mut random = KernelRandom::new(1);
    assert_eq!(random.random(), 0.417022004702574);
    assert_eq!(random.randint(0, 10), 8);
    assert_eq!(random.standard_normal(), -0.5281717522634557);
    assert_eq!(random.randint(0, 1 << 40), 579543727385);
    assert_eq!(random.standard_normal(), -1.0729686221561705);
    assert_eq!(random.random(), 0.538816734003357);
    random.seed(1);
    assert_eq!(random.random(), 0.417022004702574);
}

#[test]
fn seeds_of_one_and_two_words() {
    let expected = [
        (0u64, [0xa30f_ebcf_d9c2_825f, 0x4510_bdf8_82d9_d721, 0x0a7d_3da9_4ecd_e8b8]),
        (42u64, [0xc621_fbcd_16d9_2688, 0x705a_5661_a791_ffc1, 0xdbcd_12c2_6eda_1624]),
        (4294967301u64, [0xc632_3ec3_21de_b8d1, 0x7881_4821_c73a_0583, 0xb225_36d8_e0ec_17c0]),
        (9223372036854775807u64, [0x2ceb_5911_6fb2_7514, 0x784d_3e7d_390d_c57c, 0xd335_a768_9ce4_3488]),
    ];
    for (seed, values) in expected {
        let mut source = Pcg64::new(seed);
        assert_eq!([(); 3].map(|()| source.next_u64()), values, "seed {seed}");
    }
}

#[test]
fn a_stored_generator_continues() {
    let mut words = Pcg64::new(1).to_words();
    let mut draw = |f: fn(&mut Pcg64) -> f64| Pcg64::with_words(&mut words, f);
    assert_eq!(draw(BitSource::next_f64), Some(0.5118216247002567));
    assert_eq!(draw(|g| generator::integers(g, 0, 10) as f64), Some(7.0));
    assert_eq!(draw(generator::standard_normal), Some(0.33043707618338714));
    assert_eq!(draw(|g| generator::integers(g, 0, 10) as f64), Some(9.0));
    assert_eq!(draw(BitSource::next_f64), Some(0.9486494471372439));
    assert_eq!(draw(|g| generator::integers(g, 0, 1 << 40) as f64), Some(342862307391.0));
    let state = (u128::from(words[0]) << 64) | u128::from(words[1]);
    let increment = (u128::from(words[2]) << 64) | u128::from(words[3]);
    assert_eq!(
        (state, increment),
        (216676376075457487203159048251690499413, 194290289479364712180083596243593368443)
    );
    assert_eq!(Pcg64::with_words(&mut [0; 3], BitSource::next_u64), None);
}

#[test]
fn philox_is_numpys() {
    let mut source = Philox::new([42, 7], [0, 3, 1, 0]);
    assert_eq!(
        [(); 6].map(|()| source.next_u64()),
        [
            0xbaeb_9b96_f322_0b3d,
            0xbc91_0a96_7a81_c79a,
            0x2264_ea32_7871_c211,
            0xeeb3_883b_6d62_9409,
            0xb091_689e_1787_d93a,
            0x1c33_60c4_9e63_8109
        ]
    );
    let mut source = Philox::new([42, 7], [u64::MAX, 3, 1, 0]);
    assert_eq!(
        [(); 6].map(|()| source.next_u64()),
        [
            0x5889_d064_54a3_dfdb,
            0x50d6_ee21_22bd_a353,
            0xa788_83c8_64ab_f7de,
            0xa9ca_7675_14b4_fa98,
            0x23fa_12f2_d869_4e10,
            0x0156_6ecb_4670_a37c
        ]
    );
}

/// `np.random.RandomState(np.random.Philox(key=[42, 7], counter=[0, 3, 1, 0]))`.
#[test]
fn an_iteration_has_the_documented_stream() {
    let mut random = KernelRandom::new(42);
    random.end_loop(5);
    random.begin_iteration(7, 3);
    assert_eq!(random.random(), 0.7301575892953523);
    assert_eq!(random.standard_normal(), -0.6239637278691645);
    assert_eq!(random.standard_normal(), 0.4037286242282083);
    assert_eq!(random.randint(0, 10), 9);
    assert_eq!(random.randint(0, 1 << 40), 678999611706);
    assert_eq!(random.uniform(-1.0, 1.0), -0.7796820678661085);
}

#[test]
fn chunks_and_serial_execution_draw_the_same() {
    let mut serial = KernelRandom::new(9);
    serial.random();
    let mut parent = serial.clone();
    let draws: Vec<f64> = (0..4)
        .map(|i| {
            serial.begin_iteration(1, i);
            serial.random()
        })
        .collect();
    serial.end_loop(1);
    for i in [3, 1, 0, 2] {
        let mut chunk = parent.for_chunk();
        chunk.begin_iteration(1, i);
        assert_eq!(chunk.random(), draws[i as usize]);
    }
    parent.end_loop(1);
    assert_eq!(serial.random(), parent.random());
    serial.begin_iteration(1, 0);
    assert_ne!(serial.random(), draws[0], "the second run of a loop draws other numbers");
}

#[test]
fn a_loop_inside_an_iteration_has_streams_of_its_own() {
    let mut random = KernelRandom::new(9);
    let mut chunk = random.for_chunk();
    let mut inner = Vec::new();
    for i in 0..3 {
        random.begin_iteration(1, i);
        let before = random.random();
        for j in 0..3 {
            random.begin_iteration(2, j);
            inner.push(random.random());
        }
        random.end_loop(2);
        let after = random.random();
        // The same iteration, with the inner loop in a chunk of its own.
        chunk.begin_iteration(1, i);
        assert_eq!(chunk.random(), before);
        let mut inner_chunk = chunk.for_chunk();
        inner_chunk.begin_iteration(2, 1);
        assert_eq!(inner_chunk.random(), inner[inner.len() - 2]);
        chunk.end_loop(2);
        assert_eq!(chunk.random(), after);
    }
    inner.sort_by(f64::total_cmp);
    inner.dedup();
    assert_eq!(inner.len(), 9);
}

#[test]
fn seed_inside_an_iteration_concerns_only_it() {
    let mut random = KernelRandom::new(9);
    random.begin_iteration(1, 0);
    random.seed(4);
    let mut other = KernelRandom::new(4);
    other.begin_iteration(1, 0);
    assert_eq!(random.random(), other.random());
    random.end_loop(1);
    assert_eq!(random.random(), KernelRandom::new(9).random());
}
