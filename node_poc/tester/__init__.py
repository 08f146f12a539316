"""The program of the self-test's pods.

Standard library only: each import delays the first attempt, and a gap in the walls may be short.
"""
