"""A user's own estimator, ``module:function``: found, seen to be fit, called, and its errors told as theirs."""
