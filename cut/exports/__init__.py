"""Models given out in other people's formats: ONNX, and a folder for the Hugging Face Hub.

The authors' own format is in `cut.published`.
"""
