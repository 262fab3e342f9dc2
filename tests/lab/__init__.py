"""The simulated country: networks with their resolvers and censors, origins, the programs, and stories that play in it.

README.md has the map.
"""
