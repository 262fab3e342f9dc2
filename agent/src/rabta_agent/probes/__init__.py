"""The steps of a measurement, one network operation each.

The contract of a step: it is given a `Scene`, what it works on, and a deadline (a time of the event loop, which the
caller owns). It returns an `Outcome`: an observation always, an opened or found thing only on success.
A step that fails closes what it was handed. It tries once, one address, and falls back to nothing: a retry is another
observation, and the caller's. Nothing that the network does is raised; what it does is data.
"""
