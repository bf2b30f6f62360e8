"""Handlers of ONNX and QONNX op types, by theme; a new file is found without being listed."""
