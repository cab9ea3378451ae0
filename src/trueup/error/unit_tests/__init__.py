"""Tests of what a learner assumes: worlds that only a learner which respects it can solve."""
