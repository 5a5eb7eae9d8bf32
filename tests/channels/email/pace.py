"""How long a reading takes, whatever else this machine and this process have to do."""

import gc
import time

LONG = 5.0
"""Seconds after which a reading is not measured again: no bound is as wide."""
TIMES = 3


def seconds(read, subject):
    """Processor time of this thread, the best of three, without what it takes to collect other tests' garbage."""
    taken = []
    collects = gc.isenabled()
    gc.disable()
    try:
        while len(taken) < TIMES and max(taken, default=0) < LONG:
            started = time.thread_time()
            read(subject)
            taken.append(time.thread_time() - started)
    finally:
        if collects:
            gc.enable()
    return min(taken)
