"""What a running collector, or its file, says of traces: the questions, and the answers as text."""
