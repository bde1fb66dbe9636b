"""What frameworks ship as a KL estimator, under their own names: data beside a few short functions."""
