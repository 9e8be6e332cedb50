"""chaoskit: the parts of the randomised fault runs: plan (what goes wrong), faults (how), client and history (what was promised)."""
