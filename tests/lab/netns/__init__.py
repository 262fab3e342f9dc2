"""The hard lab: network namespaces and the kernel's own packets. Linux, root. README.md has the map."""
