"""From one measurement to a finding, and from findings to a verdict. Pure throughout."""
