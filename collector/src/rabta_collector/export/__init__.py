"""Measurements of the journal as open data: what is left out, how they are judged, and the forms they take."""
