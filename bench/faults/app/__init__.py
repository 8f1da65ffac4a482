"""The application of the bench: a small shop in the standard library, with logs such as applications write them.

Three processes on app1: `supervisor` runs `shop` (HTTP) and `worker` (a queue) and starts them anew when they end.
"""
