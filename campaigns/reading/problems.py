"""The problems of :mod:`core.reading`, under the name by which this room knows them."""

from core.reading.problems import Problem, Problems, WorkspaceInvalid, did_you_mean

__all__ = ["Problem", "Problems", "WorkspaceInvalid", "did_you_mean"]
