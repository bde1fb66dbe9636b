"""The numeric tolerances, each with its reason: one place, so that two of them are never two values by accident.

A name says what it bounds. Numbers that size the work (how many panels, how many atoms) stand where the work is done,
and so does the switch to a series that belongs to one formula.
"""

from __future__ import annotations

from math import log
from sys import float_info

# --- what float64 holds ----------------------------------------------------------------------------------------------

EPSILON = float_info.epsilon
"""2^-52, the step of float64 at 1: one operation is off by half of this share at most."""

LOG_LARGEST = 709.0
"""exp of more overflows: the log of the largest float64 is 709.78."""

LOG_SMALLEST = -745.0
"""exp of this is the smallest float64 above 0, 2^-1074; from −745.14 on exp is 0."""

LOG_ZERO = -746.0
"""exp of this is exactly 0, so a factor beside it may stop here and change no product."""

LOG_REPRESENTED = 700.0
"""exp of this and of its negative are normal numbers, with a factor of a thousand to spare at both ends."""

LONGEST_REACH = 340.0
"""Powers of e towards infinity: x = e^340 has a square, e^680, that float64 still holds (see ``LOG_LARGEST``)."""

SHORTEST_REACH = 690.0
"""Powers of e towards 0: e^-690 = 2e-300 has all of its digits, which numbers below e^-708 lose."""

REACH_TO_AN_END = 32.0
"""Powers of e towards a finite end, in units of the end: e^-32 = 1e-14 is 57 steps of float64 away from it."""

LEAST_REACH = 12.0
"""Powers of e looked at beside an end however far out it is: enough to see where an integrand goes."""

LOG_FARTHEST_WHOLE = log(2.0**50)
"""Whole numbers are looked at up to 2^50: float64 holds all up to 2^53, and three bits are left for their rounding."""

FARTHEST_DRAW = 1e300
"""Draws of the heaviest tails end here, so that a scale of up to 1e8 does not overflow where a density is taken."""

LARGEST_SCORE = 1e300
"""A score is finite, so that 0 times a score is 0; a sum over 10,000 copies of this one is finite too."""

# --- what is too small to count --------------------------------------------------------------------------------------

NEGLIGIBLE = 42.0
"""Nats below the largest term. exp(−42) = 6e-19 is 1/386 of ``EPSILON``: some hundreds of such terms together are less
than the rounding of the sum."""

GATHERED_FROM = 30.0
"""|log r| from which on a power of r is gathered from log q and log p, in which what cancels is not rounded first.

At e^30 = 1e13 a term that grows as r has outgrown one that grows as log r by eleven digits: its form far out holds.
"""

LOG_KEPT_APART = 1.0
"""A log of an expectation above this is carried beside the number: e^1 is where expm1 has no digits left to save."""

# --- how exact a number has to be ------------------------------------------------------------------------------------

ACCURACY = 1e-9
"""A moment whose estimated relative error is above this is not given as exact."""

FOURTH_ACCURACY = 1e-2
"""The same of a fourth moment: it makes the error bar of a standard deviation, of which two digits are shown."""

PANEL = 1e-13
"""A panel and its halves agree to this share of the whole: 450 times ``EPSILON``, so that rounding alone does not keep
them apart, and ten thousand panels at it are still within ``ACCURACY``."""

PANEL_OF_FOURTH = 1e-6
"""The same for fourth moments: ten thousand panels at it are within ``FOURTH_ACCURACY``."""

PANEL_ROUNDING = 10.0
"""In units of ``PANEL``: a panel that halving no longer mends is done below this. What is left is the rounding of the
integrand, and ``error`` counts it."""

LEFT_ACCURACY = 1e-3
"""A relative error of the variance of what is left from which on its root is no error bar."""

# --- what rounding leaves --------------------------------------------------------------------------------------------

LOG_DENSITY_ROUNDING = 32 * EPSILON
"""Rounding of a log-density, in units of 1 + |log density|. Against mpmath, over draws of every family's examples, most
are within 1 epsilon, counts of 100,000 within 26: tests/distributions/test_families.py holds all of them to this."""

ARITHMETIC_ROUNDING = 4e-16
"""Rounding of a few products and sums, in units of the sum of the sizes: two steps of float64, each half of them one
operation's."""

SUM_OVER_POINTS_ROUNDING = 5e-16
"""Rounding of a sum over points, in units of the sum of the sizes. The rounding of the masses themselves is the same in
every law, as if q were another by as much, and cancels where they do."""

SUM_OVER_ATOMS_ROUNDING = 1e-15
"""The relative error of a sum over atoms, which leaves no atom out: four or five steps of float64."""

GRADIENT_ROUNDING = 1e-12
"""Sums of up to 2^17 terms in float64 keep this much of the size of their terms."""

CONSTANT_ROUNDING = 1e-13
"""A standard deviation below this share of the mean is what rounding leaves of a constant: 450 times ``EPSILON``."""

VECTOR_VARIANCE_ROUNDING = 1e-15
"""A variance below this share of the second moment is rounding: it is the difference of two numbers of that size."""

PAIRED_UNSEEN = 1e-2
"""Where two estimators differ on rare draws alone, their noises may seem to agree to the last digit. A paired error
below this share of the error of either stdev is held against no exact number, unless it is known exactly itself."""

BIAS_ROUNDING = 1e-11
"""Two exact numbers that differ by less, as a share of the true value, are one: roads on different points come so close
where both are good, a hundred times closer than ``ACCURACY`` asks."""

BIAS_ROUNDING_OF_NOISE = 1e-13
"""The same as a share of the standard deviation: a mean near 0 is summed from terms as large as that."""

GRADIENT_DISTANCE_ROUNDING = 1e-10
"""Two exact gradients that differ by less, as a share of their length, are one: their coefficients cancel more."""

SHARE_ROUNDING = 1e-12
"""Sums of probabilities come this close to 0 and 1, and not always on them: which side depends on the processor."""

NOTHING_LEFT = 1e-6
"""A value that keeps this share of its noise is a combination of the controls: the rest is rounding of squares, and
1e-6 squared is 1e-12."""

# --- what a tail allows ----------------------------------------------------------------------------------------------

TRUSTED = 0.7
"""Above this k̂ neither a mean nor its error bar is to be trusted (Vehtari et al., JMLR 2024)."""

# --- how a function grows, and whether an integral converges ---------------------------------------------------------

TRUSTED_SHARE = 1e-6
"""A number whose rounding error is below this share of it has six digits left: enough to read a rate or a slope off."""

SAME_RATE = 1e-6
"""Two rates of growth that differ by less are one: rates are read off numbers with at least six digits."""

NO_RATE = 1e-3
"""Nats over the whole reach: a fitted exponential that adds less is what is left of slower terms."""

NO_POWER = 1e-9
"""A fitted power of less is that of a function that is bounded far out."""

FLAT = 2e-3
"""A slope below this, in nats per power of e, counts as 0, and the power of u decides. Over the longest reach, 340,
it is a factor of two, which a power of u may be too."""

CLEAR_SLOPE = 0.5
"""An integrand that falls by this many nats a power of e, or faster, falls for good: no slow power of u does."""

SLOPE_NOISE = 1e-3
"""Rounding, in nats, of points whose slope is read: over some 24 powers of e and more it moves the slope by less than
``FLAT``."""

SLOPE_NOISE_AT_MOST = 5e-2
"""The same where too few points are that good. It tells an exponential from a power, but not one power from another."""

SLOWEST_FALL = 100.0
"""Powers of e: what lies beyond the reach is taken for the height there times this, the area of a fall like
exp(−u/100)."""

LEAST_PRECISION = 1e-12
"""A Gaussian integral whose 1/variance is nearer to 0 than this is infinite but for rounding."""

# --- functions that are compared -------------------------------------------------------------------------------------

SAME_VALUE, SAME_VALUE_AT_0 = 1e-9, 1e-11
"""Two functions are one where their values agree to this share, or to this much where they are 0: in other orders of
summing, log-probabilities down to −100 leave a rounding of 1e-14, and a ratio multiplies that."""

DIFFERENCE_STEP = 2e-5
"""The step of a difference quotient of fourth order in log r: rounding leaves ``EPSILON``/step = 1e-11 of it, and
curvature step^4 = 2e-19."""

SAME_SLOPE = 1e-6
"""Autograd's slope agrees with a difference quotient to this, or it is another function's: far above what
``DIFFERENCE_STEP`` leaves, and far below the 1 or more by which a detached part is off."""

SAME_DIRECTION = 1e-6
"""Exact vectors that differ by less, in units of the longest, are one: they are known to ``ACCURACY``."""

IN_SPAN = 1e-10
"""A function is a combination of others where no more than this share of it is left: least squares on 33 points."""

# --- what a user writes ----------------------------------------------------------------------------------------------

SIMPLEX_SUM = 1e-6
"""Probabilities sum to 1 within this: those of a float32 softmax do. They are divided by their sum."""

WEIGHTS_SUM = 1e-9
"""The weights of a mixture sum to 1 within this: they are few, and written or computed in float64."""

SYMMETRY = 1e-9
"""A matrix is symmetric where its entries agree to this share: products in float64 do."""

LEAST_TRUSTED_KL = 1e-7
"""A formula's terms are as large as its parameters, and each is rounded by 1e-16 of that: a KL below this share of them
has fewer than nine digits."""

LEAST_TRUSTED_PROBABILITY = 1e-15
"""torch keeps probabilities this far from 0 and 1: Bernoulli(1e-20) against 0.7 is 24.6 there, and 31.6 in truth."""

# --- what a sample can tell -------------------------------------------------------------------------------------------

TRUSTED = 0.7
"""Above this k̂ neither a mean nor its error bar is to be trusted (Vehtari et al., JMLR 2024)."""
