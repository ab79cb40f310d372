"""What is concluded from a fit: tests, intervals, small-sample corrections."""
