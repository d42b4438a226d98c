//! Sums and products of many numbers in a fixed, documented order: NumPy's.
//!
//! A float sum is pairwise: up to 128 elements by eight running sums that are then added as a tree, more by halves
//! (a multiple of 8 first). The error grows with log n instead of n. Elements come from a closure by position,
//! so that any layout serves: a contiguous array of any rank is one run of elements, a strided 1-d array too.

/// Elements that are summed without further halving.
const BLOCK: usize = 128;
/// NumPy converts element types through a buffer of so many elements, each of which is summed by itself.
pub const CAST_BUFFER: usize = 8192;

macro_rules! float_reductions {
    ($sum:ident $sum_run:ident $prod:ident $min:ident $max:ident $ty:ty) => {
        /// `np.sum` of `len` elements, pairwise; 0 for none.
        ///
        /// Calls `get` once for each position, in ascending order within each group of eight.
        pub fn $sum(len: usize, get: impl Fn(usize) -> $ty) -> $ty {
            if len == 0 { 0.0 } else { $sum_run(0, len, &get) }
        }

        fn $sum_run(start: usize, len: usize, get: &impl Fn(usize) -> $ty) -> $ty {
            if len > BLOCK {
                let half = len / 2;
                let half = half - half % 8;
                return $sum_run(start, half, get) + $sum_run(start + half, len - half, get);
            }
            let end = start + len;
            if len < 8 {
                // Negative zero is what changes no number.
                return (start..end).fold(-0.0, |sum, at| sum + get(at));
            }
            let mut lanes: [$ty; 8] = std::array::from_fn(|lane| get(start + lane));
            let whole = end - len % 8;
            for at in (start + 8..whole).step_by(8) {
                for (lane, sum) in lanes.iter_mut().enumerate() {
                    *sum += get(at + lane);
                }
            }
            let [a, b, c, d, e, f, g, h] = lanes;
            let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
            (whole..end).fold(sum, |sum, at| sum + get(at))
        }

        /// `np.prod` of `len` elements, from the first to the last; 1 for none.
        pub fn $prod(len: usize, get: impl Fn(usize) -> $ty) -> $ty {
            (0..len).fold(1.0, |product, at| product * get(at))
        }

        /// `np.min` of `len` elements; NaN if one is NaN; `None` for no elements.
        pub fn $min(len: usize, get: impl Fn(usize) -> $ty) -> Option<$ty> {
            (0..len).map(get).reduce(|least, x| if least <= x || least.is_nan() { least } else { x })
        }

        /// `np.max` of `len` elements; NaN if one is NaN; `None` for no elements.
        pub fn $max(len: usize, get: impl Fn(usize) -> $ty) -> Option<$ty> {
            (0..len).map(get).reduce(|most, x| if most >= x || most.is_nan() { most } else { x })
        }
    };
}

float_reductions!(sum_f64 sum_run_f64 prod_f64 min_f64 max_f64 f64);
float_reductions!(sum_f32 sum_run_f32 prod_f32 min_f32 max_f32 f32);

/// `np.sum` of `len` numbers that were converted to `f64` from another type, as in `np.mean` of integers: runs of
/// [`CAST_BUFFER`] elements are summed pairwise and added in order.
pub fn sum_converted(len: usize, get: impl Fn(usize) -> f64) -> f64 {
    (0..len).step_by(CAST_BUFFER).fold(0.0, |sum, start| {
        let run = CAST_BUFFER.min(len - start);
        sum + sum_f64(run, |at| get(start + at))
    })
}

/// `np.mean` of `len` `f64` numbers: their sum divided by `len`; NaN for none.
pub fn mean_f64(len: usize, get: impl Fn(usize) -> f64) -> f64 {
    sum_f64(len, get) / len as f64
}

/// `np.mean` of `len` `f32` numbers: their `f32` sum divided by `len`; NaN for none.
pub fn mean_f32(len: usize, get: impl Fn(usize) -> f32) -> f32 {
    sum_f32(len, get) / len as f32
}

/// `np.sum` of `len` complex numbers: real and imaginary parts each in four running sums per 64 elements, halves above.
pub fn sum_complex(len: usize, get: impl Fn(usize) -> (f64, f64)) -> (f64, f64) {
    if len == 0 { (0.0, 0.0) } else { sum_run_complex(0, len, &get) }
}

fn sum_run_complex(start: usize, len: usize, get: &impl Fn(usize) -> (f64, f64)) -> (f64, f64) {
    let add = |a: (f64, f64), b: (f64, f64)| (a.0 + b.0, a.1 + b.1);
    if len > BLOCK / 2 {
        let half = len / 2;
        let half = half - half % 4;
        return add(sum_run_complex(start, half, get), sum_run_complex(start + half, len - half, get));
    }
    let end = start + len;
    if len < 4 {
        return (start..end).fold((-0.0, -0.0), |sum, at| add(sum, get(at)));
    }
    let mut lanes: [(f64, f64); 4] = std::array::from_fn(|lane| get(start + lane));
    let whole = end - len % 4;
    for at in (start + 4..whole).step_by(4) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum = add(*sum, get(at + lane));
        }
    }
    let sum = add(add(lanes[0], lanes[1]), add(lanes[2], lanes[3]));
    (whole..end).fold(sum, |sum, at| add(sum, get(at)))
}

/// `np.sum` of `len` integers, wrapping; the same bits serve `u64`.
pub fn sum_i64(len: usize, get: impl Fn(usize) -> i64) -> i64 {
    (0..len).fold(0, |sum: i64, at| sum.wrapping_add(get(at)))
}

/// `np.prod` of `len` integers, wrapping; the same bits serve `u64`.
pub fn prod_i64(len: usize, get: impl Fn(usize) -> i64) -> i64 {
    (0..len).fold(1, |product: i64, at| product.wrapping_mul(get(at)))
}

/// The position that `np.argmin` gives: of the first least element, or of the first NaN; `None` for no elements.
pub fn argmin_f64(len: usize, get: impl Fn(usize) -> f64) -> Option<usize> {
    first_best(len, get, |x, best| x < best)
}

/// The position that `np.argmax` gives: of the first greatest element, or of the first NaN; `None` for no elements.
pub fn argmax_f64(len: usize, get: impl Fn(usize) -> f64) -> Option<usize> {
    first_best(len, get, |x, best| x > best)
}

fn first_best(len: usize, get: impl Fn(usize) -> f64, is_better: impl Fn(f64, f64) -> bool) -> Option<usize> {
    let mut found = (len > 0).then(|| (0, get(0)))?;
    for at in 1..len {
        if found.1.is_nan() {
            break;
        }
        let x = get(at);
        if is_better(x, found.1) || x.is_nan() {
            found = (at, x);
        }
    }
    Some(found.0)
}

/// The scalar product, in the order of [`sum_f64`]. (NumPy leaves the order to its linear algebra library.)
pub fn dot_f64(len: usize, left: impl Fn(usize) -> f64, right: impl Fn(usize) -> f64) -> f64 {
    sum_f64(len, |at| left(at) * right(at))
}

/// The scalar product of `f32` numbers, in the order of [`sum_f32`].
pub fn dot_f32(len: usize, left: impl Fn(usize) -> f32, right: impl Fn(usize) -> f32) -> f32 {
    sum_f32(len, |at| left(at) * right(at))
}

#[cfg(test)]
mod tests {
    //! Expected values by NumPy 2.4.6.

    #![allow(clippy::excessive_precision)]

    use super::*;

    #[rustfmt::skip]
    const F64: &[(usize, f64, f64)] = &[
        (1, -50000.0, -50000.0),
        (3, 33342.428571428565, 11114.142857142855),
        (7, 76251.57142857142, 10893.08163265306),
        (8, 168335.42857142855, 21041.92857142857),
        (9, 178675.85714285713, 19852.873015873014),
        (15, 381254.85714285716, 25416.990476190476),
        (16, 390821.5714285715, 24426.348214285717),
        (17, 461502.42857142864, 27147.20168067227),
        (63, 1634148.714285714, 25938.86848072562),
        (100, 2514122.142857143, 25141.221428571433),
        (127, 3051389.714285714, 24026.69066366704),
        (128, 3048577.0, 23817.0078125),
        (129, 3106878.428571428, 24084.32890365448),
        (136, 3226178.428571428, 23721.90021008403),
        (143, 3340062.428571428, 23357.079920079916),
        (255, 5854206.142857144, 22957.671148459387),
        (256, 5816837.285714285, 22722.020647321428),
        (257, 5840582.571428572, 22726.00222345748),
        (1000, 21851564.85714286, 21851.564857142857),
        (1024, 22396908.428571425, 21871.980887276783),
        (4097, 88361970.14285715, 21567.481118588516),
        (8191, 176314771.2857143, 21525.426844794812),
        (8192, 176277785.14285713, 21518.284319196428),
        (8193, 176301913.14285713, 21518.60284912207),
        (10000, 214836681.57142857, 21483.668157142856),
        (65537, 1404612691.0, 21432.361734592672),
        (100000, 2143614062.2857146, 21436.140622857147),
    ];
    #[rustfmt::skip]
    const F32: &[(usize, f32, f32)] = &[
        (1, -50000.0, -50000.0),
        (3, 33342.43, 11114.144),
        (7, 76251.58, 10893.083),
        (8, 168335.44, 21041.93),
        (9, 178675.86, 19852.873),
        (15, 381254.88, 25416.992),
        (16, 390821.6, 24426.35),
        (17, 461502.44, 27147.203),
        (63, 1634148.8, 25938.87),
        (100, 2514122.2, 25141.223),
        (127, 3051390.0, 24026.693),
        (128, 3048577.0, 23817.008),
        (129, 3106878.5, 24084.33),
        (136, 3226178.5, 23721.9),
        (143, 3340062.5, 23357.08),
        (255, 5854206.0, 22957.67),
        (256, 5816837.5, 22722.021),
        (257, 5840582.5, 22726.002),
        (1000, 21851566.0, 21851.566),
        (1024, 22396908.0, 21871.98),
        (4097, 88361970.0, 21567.48),
        (8191, 176314780.0, 21525.428),
        (8192, 176277800.0, 21518.285),
        (8193, 176301920.0, 21518.604),
        (10000, 214836670.0, 21483.668),
        (65537, 1404612600.0, 21432.361),
        (100000, 2143614100.0, 21436.14),
    ];
    #[rustfmt::skip]
    const COMPLEX: &[(usize, f64, f64)] = &[
        (0, 0.0, 0.0),
        (1, -50000.0, -50000.0),
        (3, 33342.428571428565, 33342.428571428565),
        (7, 76251.57142857142, 76251.57142857143),
        (8, 168335.42857142855, 168335.42857142855),
        (9, 178675.85714285713, 178675.85714285713),
        (15, 381254.85714285716, 381254.85714285716),
        (16, 390821.5714285714, 390821.5714285714),
        (17, 461502.4285714286, 461502.42857142864),
        (63, 1634148.7142857143, 1634148.7142857143),
        (100, 2514122.1428571427, 2514122.1428571427),
        (127, 3051389.7142857146, 3051389.7142857146),
        (128, 3048577.0, 3048577.0),
        (129, 3106878.4285714286, 3106878.428571429),
        (136, 3226178.4285714286, 3226178.4285714286),
        (143, 3340062.4285714286, 3340062.428571429),
        (255, 5854206.142857143, 5854206.142857144),
        (256, 5816837.285714285, 5816837.285714285),
        (257, 5840582.571428571, 5840582.571428572),
        (1000, 21851564.85714286, 21851564.85714286),
        (1024, 22396908.42857143, 22396908.428571425),
        (4097, 88361970.14285713, 88361970.14285713),
        (8191, 176314771.28571427, 176314771.28571427),
        (8192, 176277785.14285713, 176277785.14285713),
        (8193, 176301913.14285713, 176301913.14285713),
        (10000, 214836681.57142857, 214836681.57142857),
        (65537, 1404612691.0, 1404612691.0),
        (100000, 2143614062.2857146, 2143614062.2857144),
    ];
    #[rustfmt::skip]
    const INT_MEANS: &[(usize, f64)] = &[
        (1, 7.0),
        (3, 4.27799e+17),
        (7, 4.2625157142857146e+17),
        (8, 4.972935e+17),
        (9, 4.889701111111111e+17),
        (15, 5.279189333333333e+17),
        (16, 5.209844375e+17),
        (17, 5.4003041176470586e+17),
        (63, 5.3157207936507936e+17),
        (100, 5.2598855000000006e+17),
        (127, 5.181868346456693e+17),
        (128, 5.167190546875e+17),
        (129, 5.185903023255814e+17),
        (136, 5.160533014705882e+17),
        (143, 5.134995594405595e+17),
        (255, 5.107036980392157e+17),
        (256, 5.0905414453125005e+17),
        (257, 5.090820155642024e+17),
        (1000, 5.02960954e+17),
        (1024, 5.031038662109375e+17),
        (4097, 5.009723678301196e+17),
        (8191, 5.0067798791356365e+17),
        (8192, 5.0062799023437504e+17),
        (8193, 5.006302199438545e+17),
        (10000, 5.0038567710000006e+17),
        (65537, 5.000265321421488e+17),
        (100000, 5.0005298436e+17),
    ];

    fn element(at: usize) -> f64 {
        ((at as u64 * 2_654_435_761) % 1_000_003) as f64 / 7.0 - 50000.0
    }

    #[test]
    fn float_sums_are_numpys() {
        for &(len, sum, mean) in F64 {
            assert_eq!((sum_f64(len, element), mean_f64(len, element)), (sum, mean), "{len}");
        }
        for &(len, sum, mean) in F32 {
            let get = |at| element(at) as f32;
            assert_eq!((sum_f32(len, get), mean_f32(len, get)), (sum, mean), "{len}");
        }
        for &(len, real, imaginary) in COMPLEX {
            let get = |at| (element(at), element(len - 1 - at));
            assert_eq!(sum_complex(len, get), (real, imaginary), "{len}");
        }
    }

    #[test]
    fn means_of_integers_are_numpys() {
        for &(len, mean) in INT_MEANS {
            let get = |at: usize| ((at as u64 * 2_654_435_761) % 1_000_003 * 1_000_000_000_000 + 7) as f64;
            assert_eq!(sum_converted(len, get) / len as f64, mean, "{len}");
        }
    }

    #[test]
    fn products_go_from_first_to_last() {
        let factor = |at: usize| 1.0 + (at as f64 % 17.0 - 8.0) * 1e-3;
        assert_eq!(prod_f64(1000, factor), 0.9675752165983258);
        assert_eq!(prod_f32(1000, |at| factor(at) as f32), 0.9675753);
    }

    #[test]
    fn empty_and_signed_zero() {
        assert_eq!((sum_f64(0, element), prod_f64(0, element), min_f64(0, element)), (0.0, 1.0, None));
        assert!(sum_f64(2, |_| -0.0).is_sign_negative());
        assert!(mean_f64(0, element).is_nan());
        assert_eq!(argmin_f64(0, element), None);
    }

    #[test]
    fn nan_wins() {
        let data = [3.0, 1.0, f64::NAN, -5.0, f64::NAN];
        let get = |at: usize| data[at];
        assert!(min_f64(5, get).is_some_and(f64::is_nan) && max_f64(5, get).is_some_and(f64::is_nan));
        assert_eq!((argmin_f64(5, get), argmax_f64(5, get)), (Some(2), Some(2)));
        assert_eq!((min_f64(2, get), max_f64(2, get), argmin_f64(2, get)), (Some(1.0), Some(3.0), Some(1)));
        assert_eq!(argmax_f64(3, |at| [1.0, 7.0, 7.0][at]), Some(1));
    }

    #[test]
    fn integers_wrap() {
        assert_eq!(sum_i64(2, |_| i64::MAX), -2);
        assert_eq!(prod_i64(64, |_| 2), 0);
        assert_eq!(dot_f64(3, |at| at as f64, |at| at as f64), 5.0);
    }
}
