"""Several networks trained alike: their mean is the prediction, their spread tells where it is a guess."""
