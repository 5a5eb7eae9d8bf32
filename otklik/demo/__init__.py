"""The demo: the whole of Otklik against the sandbox, on a virtual clock, judged by an oracle of its own."""
