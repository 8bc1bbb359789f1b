#!/usr/bin/env python3
"""Makes scipy.json: what SciPy says of samples that are drawn here, for `results/tests/scipy.rs` to agree with.

    pip install scipy==1.17.1 && python3 make.py > scipy.json
"""

import json

import numpy
import scipy
from scipy import stats

rng = numpy.random.default_rng(20261124)


def rounded(values):
    """As they will be read back: the calls below get exactly what stands in the file."""
    return [float(f"{value:.6g}") for value in values]


def two_samples():
    for n, m, ties in [(3, 4, False), (8, 8, False), (14, 14, False), (5, 39, False), (8, 8, True), (20, 25, False),
                       (20, 25, True), (60, 47, False), (250, 250, False), (250, 250, True)]:
        shift = rng.normal(0, 0.7)
        a, b = rng.normal(10, 1, n), rng.normal(10 + shift, 1, m)
        if ties:
            a, b = numpy.round(a), numpy.round(b)
        a, b = rounded(a), rounded(b)
        exact = not ties and n * m <= 200
        method = "exact" if exact else "asymptotic"
        found = stats.mannwhitneyu(a, b, alternative="two-sided", method=method, use_continuity=True)
        # The Hodges-Lehmann estimate has no call of its own: it is the median of all differences.
        shift = float(numpy.median(numpy.subtract.outer(b, a)))
        yield {"a": a, "b": b, "exact": exact, "u": float(found.statistic), "p": float(found.pvalue), "shift": shift}


def differences():
    for n, ties, zeros in [(4, False, 0), (10, False, 0), (50, False, 0), (12, True, 2), (60, False, 0), (60, True, 5),
                           (250, False, 0)]:
        values = rng.normal(rng.normal(0, 0.4), 1, n)
        if ties:
            values = numpy.where(numpy.round(values) == 0, 1, numpy.round(values))
        values = rounded(list(values) + [0.0] * zeros)
        exact = not ties and zeros == 0 and n <= 50
        method = "exact" if exact else "asymptotic"
        found = stats.wilcoxon(values, zero_method="wilcox", correction=True, alternative="two-sided", method=method)
        walsh = [(x + y) / 2 for i, x in enumerate(values) for y in values[i:]]
        yield {"differences": values, "exact": exact, "w": float(found.statistic), "p": float(found.pvalue),
               "median": float(numpy.median(walsh))}


def discoveries():
    for n in [1, 5, 40]:
        p = rounded(rng.uniform(0, 1, n) ** 3)
        yield {"p": p, "adjusted": [float(q) for q in stats.false_discovery_control(p, method="bh")]}


def medians():
    """BCa is not what we take, and percentiles jump: the plain percentile interval says where ours has to lie."""
    for n in [10, 35, 100]:
        samples = rounded(rng.lognormal(0, 0.3, n))
        found = stats.bootstrap((samples,), numpy.median, n_resamples=20_000, confidence_level=0.95,
                                method="percentile", rng=numpy.random.default_rng(1))
        yield {"samples": samples, "median": float(numpy.median(samples)),
               "low": float(found.confidence_interval.low), "high": float(found.confidence_interval.high)}


def slopes():
    for n in [5, 20]:
        x = rounded(numpy.arange(1, n + 1))
        y = rounded(3 * numpy.arange(1, n + 1) + rng.normal(0, 2, n))
        yield {"x": x, "y": y, "slope": float(stats.theilslopes(y, x).slope)}


CASES = {
    "mann_whitney": list(two_samples()),
    "wilcoxon": list(differences()),
    "benjamini_hochberg": list(discoveries()),
    "normal": [{"z": z, "cdf": float(stats.norm.cdf(z))} for z in [-30.0, -8.0, -2.5, -0.1, 0.0, 0.7, 3.0, 8.0]],
    "median": list(medians()),
    "slope": list(slopes()),
    "quantile": [{"samples": s, "q": q, "value": float(numpy.quantile(s, q))}
                 for s in [[1.0, 2.0, 4.0, 8.0], [3.0]] for q in [0.0, 0.1, 0.5, 0.95, 1.0]],
}

print("{")
print(f'  "made_by": "make.py with SciPy {scipy.__version__}, NumPy {numpy.__version__}",')
print(",\n".join(
    f'  "{name}": [\n' + ",\n".join(f"    {json.dumps(case)}" for case in cases) + "\n  ]" for name, cases in CASES.items()
))
print("}")
