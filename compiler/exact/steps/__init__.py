"""Elementwise functions between an accumulator and the next quantizer, on exact numbers.

Every step is monotone, so a chain of them is. Parameters are float arrays that broadcast to the tensor's shape; one
element's parameters are exact numbers.
"""
