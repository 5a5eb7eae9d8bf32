"""How long a reading takes, whatever else this machine and this process have to do."""

import gc
import time

LONG = 1.0
"""Seconds after which a reading is not measured again."""


def seconds(read, subject):
    """Processor time of this thread, the better of two, without what it takes to collect other tests' garbage."""
    taken = []
    collects = gc.isenabled()
    gc.disable()
    try:
        while len(taken) < 2 and max(taken, default=0) < LONG:
            started = time.thread_time()
            read(subject)
            taken.append(time.thread_time() - started)
    finally:
        if collects:
            gc.enable()
    return min(taken)
