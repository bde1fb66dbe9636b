"""What Schulman's 2020 note does, from start to end, for both of its pairs: the yardstick of benchmarks/throughput.py.

Written anew from the note's description: 10 million float32 samples of N(0, 1) by torch, three estimators, bias and
standard deviation over the true KL.
"""

import torch.distributions as dis

for loc in (0.1, 1.0):
    p, q = dis.Normal(loc=loc, scale=1), dis.Normal(loc=0, scale=1)
    x = q.sample(sample_shape=(10_000_000,))
    truekl = dis.kl_divergence(p, q)
    print("true", truekl)
    logr = p.log_prob(x) - q.log_prob(x)
    for k in (-logr, logr**2 / 2, (logr.exp() - 1) - logr):
        print((k.mean() - truekl) / truekl, k.std() / truekl)
