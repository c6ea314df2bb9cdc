"""Helpers for testing what is built on wadjet: may import all, is imported by nothing."""
