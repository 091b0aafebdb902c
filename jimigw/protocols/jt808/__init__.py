"""JT/T 808 in its editions of 2011, 2013 and 2019, with the video signalling of JT/T 1078-2016 and T/JSATL12."""
