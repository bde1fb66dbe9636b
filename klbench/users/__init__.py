"""A user's own estimator, ``module:function``: found, checked, called, and its errors shown as the user's."""
