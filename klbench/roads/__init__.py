"""The roads to an expectation: enumeration, quadrature, sampling. Integrand in, moments out."""
