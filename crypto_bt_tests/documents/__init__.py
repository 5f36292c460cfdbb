"""What the documents are tested by and partly generated with; ``make docs`` writes the generated parts."""
