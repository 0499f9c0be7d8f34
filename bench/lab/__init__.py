"""What the benchmarks of bench/run and the gates of tests/gates share: servers that are started, loads, and what they cost."""
