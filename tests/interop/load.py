"""Loads a snapshot and prints export("json"): load.py FILE."""

import sys

import tachograph as tacho

sys.stdout.write(tacho.load(sys.argv[1]).export("json"))
