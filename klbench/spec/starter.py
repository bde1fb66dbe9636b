"""The spec that ``klbench init`` writes: it runs as it is, and shows what can be changed."""

STARTER = """\
# yaml-language-server: $schema=klbench.schema.json
# By that file an editor completes and checks this one; klbench schema > klbench.schema.json writes it anew.
# A klbench spec: which estimators, on which distributions, with how many samples.
#   klbench validate THIS_FILE    shows its cases and their true values
#   klbench run THIS_FILE         measures them
name: mine                        # the results go to results/mine
description: The first estimators of KL(q‖p) on a shift and on a policy over four tokens.
samples: 1e6                      # per case; also 1_000_000 or 1M
seed: 0
estimators: [k1, k2, k3]          # klbench list estimators shows them all
# measure: gradient               # what training follows, instead of the value; with it, where you like:
# placements: [loss, reward]      # in the loss, or detached in the reward
# weightings: [none, ratio]       # times q/sampler; detached holds the weight constant

pairs:
  # q is the policy the samples come from, p the reference. N(a, b) is Normal(loc=a, scale=b).
  - name: shift
    q: N(0, 1)
    p: N({mu}, 1)                 # braces: a parameter, with its values in the grid
    grid:
      mu: [0.1, 0.5, 1]           # or {logspace: [0.01, 3, 20]}, {linspace: [0, 1, 11]}

  - name: tokens
    q: Categorical(probs=[0.7, 0.1, 0.1, 0.1])
    p: Categorical(probs=[0.25, 0.25, 0.25, 0.25])

  # A mixture is a weighted sum, independent copies are a power.
  - name: two modes in three dimensions
    q: (0.5*N(-1, 0.5) + 0.5*N(1, 0.5))**3
    p: N(0, 1)**3

  # Samples may come from elsewhere, such as an older policy.
  # - q: N(0, 1)
  #   p: N(0.5, 1)
  #   sampler: N(0.1, 1)
  #   expect:                     # published values, checked by klbench run --check
  #     k1:
  #       mean: {value: 0.125, within: 0.1}
"""
