"""What happens to real processes, disks and networks, played on purpose; nothing may be lost, nothing counted twice."""
