"""Strategies that are not an expression: a function called bar by bar, an ONNX model, a file of signals."""
