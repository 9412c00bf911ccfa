"""Which errors a training can trade for which: weightings of its loss, their frontier, and a choice on it."""
