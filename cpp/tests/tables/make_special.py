"""Write special.inc: functions of cpp/include/ranef/special and their first three derivatives, by mpmath.

Each line is {function, argument, parameter, f, f', f'', f'''} for a double argument taken exactly.
Run from anywhere: python make_special.py
"""

from pathlib import Path

import mpmath as mp

mp.mp.dps = 120


def stirling_error(x: mp.mpf) -> mp.mpf:
    return mp.loggamma(x) - (x - 0.5) * mp.log(x) + x - mp.log(2 * mp.pi) / 2


def log_rising_ratio(tau: mp.mpf, n: int) -> mp.mpf:
    a = mp.exp(tau)
    return mp.loggamma(a + n) - mp.loggamma(a) - n * tau


def log_normal_cdf(x: mp.mpf) -> mp.mpf:
    return mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)


def log1p_exp_remainder(x: mp.mpf) -> mp.mpf:
    u = mp.exp(x)
    return mp.log(1 + u) - u / (1 + u)


WIDE = [-700, -40, -20, -5, -1.5, -1e-3, -1e-12, 0, 1e-12, 1e-3, 0.3, 1.5, 5, 20, 40, 700]
POSITIVE = [1e-12, 1e-8, 1e-3, 0.1, 0.5, 1.5, 3.25, 7, 9.99, 10, 11.5, 100, 1e4, 1e6, 1e8, 1e15]
ABOVE_MINUS_ONE = [-0.9, -0.26, -0.24, -1e-3, -1e-12, 1e-12, 1e-3, 0.24, 0.26, 1, 40, 1e6]
LOG_SHAPES = [-46, -18.5, -3, -0.5, 0, 0.7, 2.7, 2.8, 5, 10, 18.5, 30]
COUNTS = [0, 1, 2, 3, 10, 40, 41, 100, 1000, 1000000]

CASES = {
    "exp": (mp.exp, [-40, -1, 0, 0.5, 40]),
    "expm1": (mp.expm1, [-40, -1e-12, 1e-12, 0.5, 40]),
    "log": (mp.log, [1e-12, 0.5, 1, 1e6]),
    "log1p": (lambda x: mp.log(1 + x), [-0.9, -1e-12, 1e-12, 1, 1e6]),
    "sqrt": (mp.sqrt, [1e-12, 0.5, 2, 1e6]),
    "atan": (mp.atan, [-1e6, -40, -1, 0, 0.5, 40]),
    "reciprocal": (lambda x: 1 / x, [-40, -1e-3, 1e-12, 2, 1e6]),
    "log1p_exp": (lambda x: mp.log(1 + mp.exp(x)), WIDE),
    "logistic": (lambda x: 1 / (1 + mp.exp(-x)), WIDE),
    "log1p_exp_remainder": (log1p_exp_remainder, WIDE[1:]),
    "log1m_exp": (lambda x: mp.log(-mp.expm1(x)), [-700, -40, -1, -0.7, -0.69, -0.1, -1e-3, -1e-12]),
    "log1p_minus": (lambda x: mp.log(1 + x) - x, ABOVE_MINUS_ONE),
    "expm1_minus": (lambda x: mp.expm1(x) - x, [-40, -1, -0.51, -0.49, -1e-3, -1e-12, 1e-12, 1e-3, 0.49, 0.51, 1, 40]),
    "log_gamma": (mp.loggamma, POSITIVE),
    "stirling_error": (stirling_error, POSITIVE),
    "stirling_error_exp": (lambda t: stirling_error(mp.exp(t)), [-700, -40, -18, -3, 0, 1, 2.2, 2.31, 5, 18, 34]),
    "log_normal_cdf": (log_normal_cdf, [-40, -38, -20, -10, -4.001, -3.999, -2, -0.5, 0, 0.5, 2, 5, 8, 30]),
    "normal_cdf": (lambda x: mp.erfc(-x / mp.sqrt(2)) / 2, [-38, -10, -1, 0, 1, 8, 30]),
    "cauchy_cdf": (lambda x: mp.atan2(1, -x) / mp.pi, [-1e6, -40, -1, 0, 1, 40]),
}


def line(name: str, f, x: float, parameter: float) -> str:
    cancelling = abs(x) == 700 or name.endswith("cdf")  # 1 + e^-700 and 1 - erfc need digits beyond the last
    with mp.workdps(1000 if cancelling else mp.mp.dps):
        coefficients = mp.taylor(f, mp.mpf(x), 3)
    derivatives = [mp.factorial(j) * c for j, c in enumerate(coefficients)]
    numbers = ", ".join(repr(float(d)) for d in derivatives)
    return f'{{"{name}", {float(x)!r}, {float(parameter)!r}, {numbers}}},\n'


def main() -> None:
    lines = [line(name, f, x, 0) for name, (f, arguments) in CASES.items() for x in arguments]
    lines += [
        line("log_rising_ratio", lambda t, n=n: log_rising_ratio(t, n), tau, n) for tau in LOG_SHAPES for n in COUNTS
    ]
    lines += [line("pow", lambda x, p=p: mp.power(x, p), x, p) for p in (-1.5, 0.5, 2.5) for x in (1e-6, 0.5, 40)]
    header = "// Written by make_special.py: {function, argument, parameter, f, f', f'', f'''}.\n"
    Path(__file__).with_name("special.inc").write_text(header + "".join(lines))


if __name__ == "__main__":
    main()
