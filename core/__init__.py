"""The words everyone speaks: messages, statuses, errors, clocks, transitions. Imports none of the other rooms."""
